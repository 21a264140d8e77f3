package jetstream_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/recall-ledger/recall-ledger/events/embedded/clustertest"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

const secretText = "wrong-horse-battery"

// connects dials, and uses JetStream: a connection alone shows little.
func connects(t *testing.T, c jetstream.DialConfig) {
	t.Helper()
	nc, err := jetstream.Dial(c)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	open(t, jetstream.Config{Conn: nc})
}

// refuses dials and wants an error that names each of the words, and no secret.
func refuses(t *testing.T, c jetstream.DialConfig, words ...string) {
	t.Helper()
	nc, err := jetstream.Dial(c)
	if err == nil {
		nc.Close()
		t.Errorf("Dial succeeded, want an error with %q", words)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("Dial = %v, want an error with %q", err, w)
		}
	}
	if strings.Contains(err.Error(), secretText) {
		t.Errorf("Dial = %v: it tells a secret", err)
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDialServers(t *testing.T) {
	c := clustertest.Start(t, clustertest.Config{Servers: 1})
	dead := clustertest.Start(t, clustertest.Config{Servers: 1})
	dead.Kill(0)
	connects(t, jetstream.DialConfig{URL: c.URL(0)})
	connects(t, jetstream.DialConfig{URL: c.Addr(0)})
	connects(t, jetstream.DialConfig{URL: dead.URL(0) + ", " + c.URL(0)})
	refuses(t, jetstream.DialConfig{URL: dead.URL(0)}, "nats.url", dead.Addr(0))
	refuses(t, jetstream.DialConfig{URL: "nats://recall:" + secretText + "@" + dead.Addr(0)}, "nats.url", "nats://"+dead.Addr(0))
}

func TestDialBadSettings(t *testing.T) {
	const url = "nats://127.0.0.1:1"
	empty, missing := write(t, "empty", ""), filepath.Join(t.TempDir(), "missing")
	for _, test := range []struct {
		name   string
		config jetstream.DialConfig
		words  []string
	}{
		{"no URL", jetstream.DialConfig{}, []string{"nats.url"}},
		{"empty URL in the list", jetstream.DialConfig{URL: url + ","}, []string{"nats.url", "server 2"}},
		{"bad URL", jetstream.DialConfig{URL: "nats://u:" + secretText + "@h:port"}, []string{"nats.url", "server 1"}},
		{"other scheme", jetstream.DialConfig{URL: "http://127.0.0.1:1"}, []string{"nats.url", `"http"`}},
		{"no creds file", jetstream.DialConfig{URL: url, Creds: missing}, []string{"nats.creds", missing}},
		{"empty creds file", jetstream.DialConfig{URL: url, Creds: empty}, []string{"nats.creds", "NATS USER JWT"}},
		{"no seed file", jetstream.DialConfig{URL: url, NKey: missing}, []string{"nats.nkey", missing}},
		{"empty seed file", jetstream.DialConfig{URL: url, NKey: empty}, []string{"nats.nkey"}},
		{"password alone", jetstream.DialConfig{URL: url, Password: secretText}, []string{"nats.password", "nats.user"}},
		{"two kinds", jetstream.DialConfig{URL: url, User: "u", Token: secretText}, []string{"nats.user", "nats.token"}},
		{"no CA file", jetstream.DialConfig{URL: url, CA: missing}, []string{"nats.ca", missing}},
		{"empty CA file", jetstream.DialConfig{URL: url, CA: empty}, []string{"nats.ca", "PEM"}},
		{"certificate alone", jetstream.DialConfig{URL: url, Cert: empty}, []string{"nats.cert", "nats.key"}},
		{"key alone", jetstream.DialConfig{URL: url, Key: empty}, []string{"nats.key", "nats.cert"}},
		{"empty certificate", jetstream.DialConfig{URL: url, Cert: empty, Key: empty}, []string{"nats.cert", "nats.key"}},
	} {
		t.Run(test.name, func(t *testing.T) { refuses(t, test.config, test.words...) })
	}
}

func TestDialUserAndToken(t *testing.T) {
	c := clustertest.Start(t, clustertest.Config{Servers: 1, Accounts: `authorization { user: recall, password: "right" }`})
	connects(t, jetstream.DialConfig{URL: c.URL(0), User: "recall", Password: "right"})
	connects(t, jetstream.DialConfig{URL: "nats://recall:right@" + c.Addr(0)})
	refuses(t, jetstream.DialConfig{URL: c.URL(0), User: "recall", Password: secretText}, "nats.user", "credentials")
	refuses(t, jetstream.DialConfig{URL: c.URL(0)}, "credentials", "nats.creds")

	c = clustertest.Start(t, clustertest.Config{Servers: 1, Accounts: `authorization { token: "right" }`})
	connects(t, jetstream.DialConfig{URL: c.URL(0), Token: "right"})
	refuses(t, jetstream.DialConfig{URL: c.URL(0), Token: secretText}, "nats.token", "credentials")
}

// key makes a key pair and returns its public key and its seed.
func key(t *testing.T, create func() (nkeys.KeyPair, error)) (pair nkeys.KeyPair, public, seed string) {
	t.Helper()
	pair, err := create()
	if err != nil {
		t.Fatal(err)
	}
	public, err = pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	b, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	return pair, public, string(b)
}

func TestDialNKey(t *testing.T) {
	_, public, seed := key(t, nkeys.CreateUser)
	_, _, other := key(t, nkeys.CreateUser)
	c := clustertest.Start(t, clustertest.Config{Servers: 1, Accounts: "authorization { users: [{nkey: " + public + "}] }"})
	connects(t, jetstream.DialConfig{URL: c.URL(0), NKey: write(t, "right.nk", seed)})
	refuses(t, jetstream.DialConfig{URL: c.URL(0), NKey: write(t, "other.nk", other)}, "nats.nkey", "credentials")
}

func TestDialCreds(t *testing.T) {
	operator, operatorID, _ := key(t, nkeys.CreateOperator)
	account, accountID, _ := key(t, nkeys.CreateAccount)
	_, systemID, _ := key(t, nkeys.CreateAccount)
	_, userID, userSeed := key(t, nkeys.CreateUser)
	encode := func(claims interface {
		Encode(nkeys.KeyPair) (string, error)
	}, by nkeys.KeyPair) string {
		token, err := claims.Encode(by)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	o := jwt.NewOperatorClaims(operatorID)
	o.SystemAccount = systemID
	a := jwt.NewAccountClaims(accountID)
	a.Limits.JetStreamLimits = jwt.JetStreamLimits{DiskStorage: -1, MemoryStorage: -1, Streams: -1, Consumer: -1}
	user := encode(jwt.NewUserClaims(userID), account)
	creds, err := jwt.FormatUserConfig(user, []byte(userSeed))
	if err != nil {
		t.Fatal(err)
	}
	c := clustertest.Start(t, clustertest.Config{Servers: 1, Accounts: fmt.Sprintf(
		"operator: %q\nresolver: MEMORY\nsystem_account: %s\nresolver_preload: { %s: %q, %s: %q }\n",
		encode(o, operator), systemID, accountID, encode(a, operator), systemID, encode(jwt.NewAccountClaims(systemID), operator))})
	connects(t, jetstream.DialConfig{URL: c.URL(0), Creds: write(t, "right.creds", string(creds))})

	stranger, _, _ := key(t, nkeys.CreateAccount)
	other, err := jwt.FormatUserConfig(encode(jwt.NewUserClaims(userID), stranger), []byte(userSeed))
	if err != nil {
		t.Fatal(err)
	}
	refuses(t, jetstream.DialConfig{URL: c.URL(0), Creds: write(t, "other.creds", string(other))}, "nats.creds", "credentials")
}

func TestDialTLS(t *testing.T) {
	ca := newAuthority(t)
	server, client := ca.issue("127.0.0.1"), ca.issue("recall")
	c := clustertest.Start(t, clustertest.Config{Servers: 1, More: fmt.Sprintf(
		"tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true }\n", server.cert, server.key, ca.file)})
	good := jetstream.DialConfig{URL: c.URL(0), CA: ca.file, Cert: client.cert, Key: client.key}
	connects(t, good)

	without := good
	without.CA = ""
	refuses(t, without, "nats.ca")
	without = good
	without.Cert, without.Key = "", ""
	refuses(t, without, "nats.cert", "nats.key")
	stranger := newAuthority(t)
	foreign := good
	foreign.CA = stranger.file
	refuses(t, foreign, "nats.ca")
	foreign = good
	other := stranger.issue("recall")
	foreign.Cert, foreign.Key = other.cert, other.key
	refuses(t, foreign, "nats.cert")
	named := good
	named.URL = strings.Replace(c.URL(0), "127.0.0.1", "localhost", 1)
	refuses(t, named, "nats.url", "certificate")

	plain := clustertest.Start(t, clustertest.Config{Servers: 1})
	asked := good
	asked.URL = strings.Replace(plain.URL(0), "nats://", "tls://", 1)
	refuses(t, asked, "TLS", "nats.url")
}

func TestDialContext(t *testing.T) {
	c := clustertest.Start(t, clustertest.Config{Servers: 1, Accounts: `authorization { user: recall, password: "right" }`})
	config, home := t.TempDir(), t.TempDir()
	context := func(base, name, text string) string {
		dir := filepath.Join(base, "nats", "context")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name+".json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	right := fmt.Sprintf(`{"description":"ours","url":%q,"user":"recall","password":"right","color_scheme":"dark"}`, c.URL(0))
	t.Setenv("XDG_CONFIG_HOME", config)
	t.Setenv("HOME", home)
	path := context(config, "right", right)
	connects(t, jetstream.DialConfig{Context: "right"})
	connects(t, jetstream.DialConfig{Context: path})
	// What is set besides wins, credentials as a whole.
	wrong := context(config, "wrong", fmt.Sprintf(`{"url":"nats://127.0.0.1:1","user":"nobody","password":%q}`, secretText))
	connects(t, jetstream.DialConfig{Context: "wrong", URL: c.URL(0), User: "recall", Password: "right"})
	refuses(t, jetstream.DialConfig{Context: "wrong"}, "url in the context file "+wrong)
	refuses(t, jetstream.DialConfig{Context: "wrong", URL: c.URL(0)}, "user in the context file "+wrong, "credentials")

	t.Setenv("XDG_CONFIG_HOME", "")
	context(filepath.Join(home, ".config"), "home", right)
	connects(t, jetstream.DialConfig{Context: "home"})
	missing := context(filepath.Join(home, ".config"), "creds", fmt.Sprintf(`{"url":%q,"creds":"~/my.creds"}`, c.URL(0)))
	refuses(t, jetstream.DialConfig{Context: "creds"}, "creds in the context file "+missing, filepath.Join(home, "my.creds"))

	bad := context(filepath.Join(home, ".config"), "bad", "{")
	refuses(t, jetstream.DialConfig{Context: "bad"}, "nats.context", bad)
	refuses(t, jetstream.DialConfig{Context: "unknown"}, "nats.context", "unknown.json")
	refuses(t, jetstream.DialConfig{Context: ".."}, "nats.context", `".."`)
	domain := context(filepath.Join(home, ".config"), "domain", fmt.Sprintf(`{"url":%q,"jetstream_domain":"hub"}`, c.URL(0)))
	refuses(t, jetstream.DialConfig{Context: "domain"}, "nats.context", domain, "jetstream_domain")
}

// TestDialWaits: a server that comes a moment later is awaited, one that refuses
// is not.
func TestDialWaits(t *testing.T) {
	c := clustertest.Start(t, clustertest.Config{Servers: 1, Accounts: `authorization { user: recall, password: "right" }`})
	c.Kill(0)
	type result struct {
		conn *nats.Conn
		err  error
	}
	dialed := make(chan result, 1)
	go func() {
		nc, err := jetstream.Dial(jetstream.DialConfig{URL: c.URL(0), User: "recall", Password: "right", Wait: clustertest.Patience})
		dialed <- result{nc, err}
	}()
	c.Restart(0)
	r := <-dialed
	if r.err != nil {
		t.Fatal(r.err)
	}
	defer r.conn.Close()
	began := time.Now()
	refuses(t, jetstream.DialConfig{URL: c.URL(0), User: "recall", Password: secretText, Wait: clustertest.Patience}, "nats.user")
	if d := time.Since(began); d > clustertest.Patience/2 {
		t.Errorf("a refusal was tried again for %s", d)
	}
	// Nothing is kept to be sent later.
	lost := r.conn.StatusChanged(nats.RECONNECTING)
	c.Kill(0)
	<-lost
	if err := r.conn.Publish("x", []byte("late")); !errors.Is(err, nats.ErrReconnectBufExceeded) {
		t.Errorf("Publish without a connection = %v, want that it fails", err)
	}
}

// TestDialNoticesSilence: a server that says nothing any more is left for
// another one.
func TestDialNoticesSilence(t *testing.T) {
	t.Parallel()
	c := clustertest.Start(t, clustertest.Config{})
	conn := dial(t, c)
	connected := conn.StatusChanged(nats.CONNECTED)
	for _, cut := range []struct {
		name         string
		hurt, repair func(int)
	}{{"cut", c.CutClients, c.Heal}, {"pause", c.Pause, c.Resume}} {
		was := conn.ConnectedServerName()
		began := time.Now()
		cut.hurt(c.Index(was))
		for conn.ConnectedServerName() == was || !conn.IsConnected() {
			select {
			case <-connected:
			case <-time.After(clustertest.Patience):
				t.Fatalf("%s: still connected to %s", cut.name, was)
			}
		}
		t.Logf("%s: left %s for %s after %s", cut.name, was, conn.ConnectedServerName(), time.Since(began))
		cut.repair(c.Index(was))
	}
}
