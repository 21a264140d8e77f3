package alipay

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels/alipay/alipaytest"
)

// foreign is a good key that the double does not know, as PEM of PKCS #8.
func foreign(t *testing.T) string {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return eight(t, k)
}

func eight(t *testing.T, k any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestDefaultsAreDocumented(t *testing.T) {
	e, err := New(config(""))
	if err != nil {
		t.Fatal(err)
	}
	got := []string{e.c.BaseURL, e.c.GatewayPath, e.c.Method}
	want := []string{"https://openapi.alipay.com", "/gateway.do", "alipay.open.public.life.msg.recall"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestForms: a key is taken in every form in which it is handed out.
func TestForms(t *testing.T) {
	one := alipaytest.PrivateKey()
	block, _ := pem.Decode([]byte(one))
	k, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	bare := base64.StdEncoding.EncodeToString(block.Bytes)
	public, _ := base64.StdEncoding.DecodeString(alipaytest.PublicKey())
	for name, change := range map[string]func(*Config){
		"PKCS #1":         func(c *Config) { c.PrivateKey = one },
		"PKCS #8":         func(c *Config) { c.PrivateKey = eight(t, k) },
		"bare":            func(c *Config) { c.PrivateKey = bare[:64] + "\n " + bare[64:] + "\n" },
		"private in file": func(c *Config) { c.PrivateKey, c.PrivateKeyFile = "", file(t, one) },
		"public in file":  func(c *Config) { c.PublicKey, c.PublicKeyFile = "", file(t, c.PublicKey) },
		"no public":       func(c *Config) { c.PublicKey = "" },
		"public, with PEM": func(c *Config) {
			c.PublicKey = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
		},
	} {
		c := config("")
		change(&c)
		e, err := New(c)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !e.private.Equal(k) {
			t.Errorf("%s: another key was read", name)
		}
		if e.c.PrivateKey != "" {
			t.Errorf("%s: the key's text was kept", name)
		}
	}
}

func TestNewNamesTheSetting(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&small.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	const secret = "s3cr3t-that-is-no-key!"
	for _, x := range []struct {
		want string
		harm func(*Config)
	}{
		{"base_url: ", func(c *Config) { c.BaseURL = "openapi.alipay.com" }},
		{"app_id: ", func(c *Config) { c.AppID = "" }},
		{"private_key: is missing", func(c *Config) { c.PrivateKey = "" }},
		{"private_key: is neither", func(c *Config) { c.PrivateKey = secret }},
		{"private_key: is not a private key", func(c *Config) { c.PrivateKey = alipaytest.PublicKey() }},
		{"private_key: is not an RSA key", func(c *Config) { c.PrivateKey = eight(t, curve) }},
		{"private_key: has 1024 bits, RSA2 needs at least 2048", func(c *Config) { c.PrivateKey = eight(t, small) }},
		{"private_key_file: is given beside", func(c *Config) { c.PrivateKeyFile = "key" }},
		{"private_key_file: ", func(c *Config) { c.PrivateKey, c.PrivateKeyFile = "", filepath.Join(t.TempDir(), "none") }},
		{"private_key_file: is neither", func(c *Config) { c.PrivateKey, c.PrivateKeyFile = "", file(t, secret) }},
		{"public_key: is neither", func(c *Config) { c.PublicKey = secret }},
		{"public_key: is not a public key", func(c *Config) { c.PublicKey = alipaytest.PrivateKey() }},
		{"public_key: has 1024 bits", func(c *Config) { c.PublicKey = base64.StdEncoding.EncodeToString(der) }},
		{"public_key_file: is given beside", func(c *Config) { c.PublicKeyFile = "key" }},
		{"unverified.already_codes: ", func(c *Config) { c.Unverified.AlreadyCodes = []string{"10000"} }},
		{"unverified.not_found_codes: ", func(c *Config) { c.Unverified = Unverified{AlreadyCodes: []string{"A"}, NotFoundCodes: []string{"A"}} }},
		{"unverified.expired_codes: ", func(c *Config) { c.Unverified.ExpiredCodes = []string{"40005"} }},
	} {
		c := config("")
		x.harm(&c)
		_, err := New(c)
		if err == nil || !strings.HasPrefix(err.Error(), x.want) || strings.Contains(err.Error(), secret) {
			t.Errorf("want %q: %v", x.want, err)
		}
	}
}
