package apns

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels/apns/apnstest"
)

func decode(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestNewNamesTheSetting: and says nothing of what is in it.
func TestNewNamesTheSetting(t *testing.T) {
	const secret = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"
	bad := filepath.Join(t.TempDir(), "bad.p8")
	if err := os.WriteFile(bad, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		setting string
		harm    func(c *Config)
	}{
		"no scheme":    {"base_url", func(c *Config) { c.BaseURL = "api.push.apple.com" }},
		"other scheme": {"base_url", func(c *Config) { c.BaseURL = "ftp://api.push.apple.com" }},
		"no topic":     {"topic", func(c *Config) { c.Topic = "" }},
		"no team":      {"team_id", func(c *Config) { c.TeamID = "" }},
		"no key id":    {"key_id", func(c *Config) { c.KeyID = "" }},
		"no key":       {"private_key", func(c *Config) { c.PrivateKey = "" }},
		"bad key":      {"private_key", func(c *Config) { c.PrivateKey = secret }},
		"both keys":    {"private_key_file", func(c *Config) { c.PrivateKeyFile = bad }},
		"no file":      {"private_key_file", func(c *Config) { c.PrivateKey, c.PrivateKeyFile = "", bad+"x" }},
		"bad file":     {"private_key_file", func(c *Config) { c.PrivateKey, c.PrivateKeyFile = "", bad }},
	} {
		t.Run(name, func(t *testing.T) {
			settings := config("https://api.push.apple.com", apnstest.Key())
			c.harm(&settings)
			_, err := New(settings)
			if err == nil || !strings.HasPrefix(err.Error(), c.setting+": ") || strings.Contains(err.Error(), "c2VjcmV0") {
				t.Errorf("%v, want one that names %s", err, c.setting)
			}
		})
	}
}

func TestNewReadsTheKeyFile(t *testing.T) {
	c := config("", "")
	c.PrivateKeyFile = filepath.Join(t.TempDir(), "key.p8")
	if err := os.WriteFile(c.PrivateKeyFile, []byte(apnstest.Key()), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := New(c)
	if err != nil || e.c.BaseURL != "https://api.push.apple.com" {
		t.Errorf("%+v, %v", e, err)
	}
}
