package timpush

import (
	"bytes"
	"compress/zlib"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// claims are what a UserSig is made of.
type claims struct {
	identifier, id  string
	at, expire      int64
	userbuf         string
	version, digest string
}

// sign makes a UserSig as the vendor's Go library does: the fields in its
// order, stored without compression, a line break at the end.
func sign(c claims, key string) string {
	m := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(m, "TLS.identifier:%s\nTLS.sdkappid:%s\nTLS.time:%d\nTLS.expire:%d\n", c.identifier, c.id, c.at, c.expire)
	extra := ""
	if c.userbuf != "" {
		fmt.Fprintf(m, "TLS.userbuf:%s\n", c.userbuf)
		extra = fmt.Sprintf(`,"TLS.userbuf":%q`, c.userbuf)
	}
	if c.version == "" {
		c.version = "2.0"
	}
	if c.digest == "" {
		c.digest = base64.StdEncoding.EncodeToString(m.Sum(nil))
	}
	name, err := json.Marshal(c.identifier)
	if err != nil {
		panic(err)
	}
	return pack(fmt.Sprintf(`{"TLS.ver":%q,"TLS.identifier":%s,"TLS.sdkappid":%s,"TLS.expire":%d,"TLS.time":%d,"TLS.sig":%q%s}`+"\n",
		c.version, name, c.id, c.expire, c.at, c.digest, extra), zlib.NoCompression)
}

func pack(plain string, level int) string {
	var b bytes.Buffer
	z, err := zlib.NewWriterLevel(&b, level)
	if err != nil {
		panic(err)
	}
	// A buffer takes everything.
	_, _ = z.Write([]byte(plain))
	_ = z.Close()
	return strings.NewReplacer("+", "*", "/", "-", "=", "_").Replace(base64.StdEncoding.EncodeToString(b.Bytes()))
}

const revokePath = "/v4/timpush/revoke"

func TestAuthenticationCodes(t *testing.T) {
	n := start(t)
	now := n.Now().Unix()
	good := claims{identifier: "administrator", id: shopID, at: now, expire: 3600}
	with := func(change func(*claims)) claims {
		c := good
		change(&c)
		return c
	}
	for _, c := range []struct {
		what, query string
		want        code
	}{
		{"no SDKAppID", "identifier=administrator&usersig=x", codeNoSDKAppID},
		{"no identifier", "sdkappid=1400000001&usersig=x", codeNoIdentifier},
		{"no UserSig", "sdkappid=1400000001&identifier=administrator", codeNoUserSig},
		{"nothing", "", codeNoSDKAppID},
		{"SDKAppID is no number", query("abc", "administrator", "x"), codeBadSDKAppID},
		{"SDKAppID with a zero before", query("01400000001", "administrator", "x"), codeBadSDKAppID},
		{"SDKAppID 0", query("0", "administrator", "x"), codeBadSDKAppID},
		{"a query that cannot be read", "sdkappid=%zz", codeBadURL},
		{"two SDKAppIDs", "sdkappid=1400000002&" + n.shop(), codeBadURL},
		{"two UserSigs", n.shop() + "&usersig=x", codeBadURL},
		{"UserSig is no base64", query(shopID, "administrator", "!!!"), codeBadUserSig},
		{"UserSig is not packed", query(shopID, "administrator", "YWJj"), codeBadUserSig},
		{"UserSig is no JSON", query(shopID, "administrator", pack("hello", 6)), codeBadUserSig},
		{"UserSig of another version", query(shopID, "administrator", sign(with(func(c *claims) { c.version = "1.0" }), shopKey)), codeBadUserSig},
		{"UserSig too long", query(shopID, "administrator", strings.Repeat("A", MaxUserSig+1)), codeBadUserSig},
		{"UserSig that inflates to a megabyte", query(shopID, "administrator", pack(strings.Repeat(" ", 1<<20)+"{}", 9)), codeBadUserSig},
		{"wrong key", query(shopID, "administrator", sign(good, "other")), codeWrongSignature},
		{"no signature", query(shopID, "administrator", sign(with(func(c *claims) { c.digest = "=" }), shopKey)), codeWrongSignature},
		{"unknown SDKAppID", query("1400000008", "administrator", sign(with(func(c *claims) { c.id = "1400000008" }), shopKey)), codeWrongSignature},
		{"another facade's key", query("1400000009", "administrator", sign(with(func(c *claims) { c.id = "1400000009" }), "ums secret")), codeWrongSignature},
		{"another app's UserSig", query(bankID, "administrator", sign(good, shopKey)), codeWrongSDKAppID},
		{"another user's UserSig", query(shopID, "root", sign(good, shopKey)), codeWrongUser},
		{"expired", query(shopID, "administrator", sign(with(func(c *claims) { c.at, c.expire = now-100, 99 }), shopKey)), codeExpired},
		{"expired by the ledger's own limit", query(shopID, "administrator", sign(with(func(c *claims) { c.at, c.expire = now-181*86400, 1<<39 }), shopKey)), codeExpired},
		{"made tomorrow", query(shopID, "administrator", sign(with(func(c *claims) { c.at = now + 86400 }), shopKey)), codeWrongSignature},
		{"life below 0", query(shopID, "administrator", sign(with(func(c *claims) { c.expire = -1 }), shopKey)), codeBadUserSig},
		{"disabled", n.as(oldID, oldKey, "administrator"), codeDisabled},
		{"disabled, wrong key", n.as(oldID, "x", "administrator"), codeWrongSignature},
		{"no administrator", n.as(shopID, shopKey, "alice"), codeNotAdmin},
		{"the default one where others are named", n.as(bankID, bankKey, "administrator"), codeNotAdmin},
		{"good", n.shop(), codeUnknownTask},
		{"good, the second of the named", n.bank(), codeUnknownTask},
		{"good, with a user buffer", query(shopID, "administrator", sign(with(func(c *claims) { c.userbuf = "AQID" }), shopKey)), codeUnknownTask},
		{"good, compressed and the asterisk escaped", strings.ReplaceAll(n.shop(), "*", "%2A"), codeUnknownTask},
	} {
		n.expect(c.what, n.do("POST", revokePath, c.query, `{"TaskId":"nothing"}`), fails(c.want))
	}
	if log := n.Logged(); strings.Contains(log, "usersig") || strings.Contains(log, "eJ") || strings.Contains(log, shopKey) {
		t.Errorf("the log tells what was sent: %s", log)
	}
}

// TestNoAccountBecomesAdministrator: an account may be called anything, and its
// app signs that name. The signed text must not read as another account's.
func TestNoAccountBecomesAdministrator(t *testing.T) {
	n := start(t)
	at := n.Now().Unix()
	name := fmt.Sprintf("administrator\nTLS.sdkappid:%s\nTLS.time:%d\nTLS.expire:3600\nTLS.userbuf:AA", shopID, at)
	signed := sign(claims{identifier: name, id: shopID, at: at, expire: 60}, shopKey)
	n.expect("as itself", n.do("POST", revokePath, query(shopID, name, signed), `{"TaskId":"x"}`), fails(codeBadUserSig))

	m := hmac.New(sha256.New, []byte(shopKey))
	fmt.Fprintf(m, "TLS.identifier:%s\nTLS.sdkappid:%s\nTLS.time:%d\nTLS.expire:60\n", name, shopID, at)
	forged := claims{
		identifier: "administrator", id: shopID, at: at, expire: 3600, digest: base64.StdEncoding.EncodeToString(m.Sum(nil)),
		userbuf: fmt.Sprintf("AA\nTLS.sdkappid:%s\nTLS.time:%d\nTLS.expire:60", shopID, at),
	}
	n.expect("as administrator", n.do("POST", revokePath, query(shopID, "administrator", sign(forged, "unused")), `{"TaskId":"x"}`), fails(codeBadUserSig))
}

func TestInflationIsBounded(t *testing.T) {
	packed := pack(strings.Repeat(" ", 1<<20)+"{}", 9)
	if len(packed) > MaxUserSig {
		t.Fatalf("the bomb has %d bytes and does not get that far", len(packed))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := parseUserSig(packed); err == nil {
		t.Error("it passed")
	}
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	if allocated > 200<<10 {
		t.Errorf("%d bytes allocated for a UserSig of %d", allocated, len(packed))
	}
}

func TestUserSigLife(t *testing.T) {
	u := userSig{Time: 1000, Expire: 500}
	for _, c := range []struct {
		now  int64
		life time.Duration
		want code
	}{
		{1000, time.Hour, codeOK}, {1500, time.Hour, codeOK}, {1501, time.Hour, codeExpired}, {1101, 100 * time.Second, codeExpired},
		{400, time.Hour, codeOK}, {399, time.Hour, codeWrongSignature},
	} {
		if got := u.valid(time.Unix(c.now, 0), c.life); got != c.want {
			t.Errorf("at %d with life %s: got %d, want %d", c.now, c.life, got, c.want)
		}
	}
}
