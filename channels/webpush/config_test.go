package webpush

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/double"
	"github.com/recall-ledger/recall-ledger/channels/webpush/webpushtest"
)

func config() Config {
	return Config{
		PrivateKey: webpushtest.PrivateKey(), Subject: "mailto:ops@example.com", Hosts: []string{webpushtest.Host},
		HTTP: double.Client(false), Clock: time.Now,
	}
}

// TestNewNamesTheSetting: and says nothing of what is in it.
func TestNewNamesTheSetting(t *testing.T) {
	const secret = "c2VjcmV0"
	bad := filepath.Join(t.TempDir(), "bad.key")
	if err := os.WriteFile(bad, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		setting string
		harm    func(c *Config)
	}{
		"no key":         {"private_key", func(c *Config) { c.PrivateKey = "" }},
		"short key":      {"private_key", func(c *Config) { c.PrivateKey = secret }},
		"no base64url":   {"private_key", func(c *Config) { c.PrivateKey = secret + "!" }},
		"zero key":       {"private_key", func(c *Config) { c.PrivateKey = strings.Repeat("A", 43) }},
		"both keys":      {"private_key_file", func(c *Config) { c.PrivateKeyFile = bad }},
		"no file":        {"private_key_file", func(c *Config) { c.PrivateKey, c.PrivateKeyFile = "", bad+"x" }},
		"bad file":       {"private_key_file", func(c *Config) { c.PrivateKey, c.PrivateKeyFile = "", bad }},
		"no subject":     {"subject", func(c *Config) { c.Subject = "" }},
		"bare subject":   {"subject", func(c *Config) { c.Subject = "ops@example.com" }},
		"host is a URL":  {"hosts[1]", func(c *Config) { c.Hosts = []string{"a.example", "https://b.example"} }},
		"host has port":  {"hosts[0]", func(c *Config) { c.Hosts = []string{"a.example:443"} }},
		"any host":       {"hosts[0]", func(c *Config) { c.Hosts = []string{"."} }},
		"star":           {"hosts[0]", func(c *Config) { c.Hosts = []string{"*.example"} }},
		"no scheme":      {"base_url", func(c *Config) { c.BaseURL = "gateway.example" }},
		"http elsewhere": {"base_url", func(c *Config) { c.BaseURL = "http://10.0.0.1" }},
		"http by a name": {"base_url", func(c *Config) { c.BaseURL = "http://127.0.0.1.example" }},
	} {
		t.Run(name, func(t *testing.T) {
			settings := config()
			c.harm(&settings)
			_, err := New(settings)
			if err == nil || !strings.HasPrefix(err.Error(), c.setting+": ") || strings.Contains(err.Error(), secret) {
				t.Errorf("%v, want one that names %s", err, c.setting)
			}
		})
	}
}

// TestNewReadsTheKeyFile: with the line's end an editor leaves, and padding.
func TestNewReadsTheKeyFile(t *testing.T) {
	c := config()
	c.PrivateKey, c.PrivateKeyFile, c.Hosts = "", filepath.Join(t.TempDir(), "vapid.key"), nil
	if err := os.WriteFile(c.PrivateKeyFile, []byte(webpushtest.PrivateKey()+"=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := New(c)
	if err != nil || len(e.hosts) != len(DefaultHosts()) || e.signer.private != webpushtest.PrivateKey() {
		t.Errorf("%+v, %v", e, err)
	}
}
