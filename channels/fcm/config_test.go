package fcm

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/fcm/fcmtest"
)

// TestNewNamesTheSetting: and says nothing of what is in it.
func TestNewNamesTheSetting(t *testing.T) {
	_, s := start(t, false, time.Now)
	const secret = `{"client_email":"a@b","private_key":"c2VjcmV0"}`
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	without := func(field string) string {
		return strings.Replace(s.Credentials(), `"`+field+`"`, `"other"`, 1)
	}
	for name, c := range map[string]struct {
		setting string
		config  Config
	}{
		"nothing":      {"service_account", Config{}},
		"no JSON":      {"service_account", Config{ServiceAccount: "c2VjcmV0"}},
		"bad key":      {"service_account", Config{ServiceAccount: secret}},
		"no mail":      {"service_account", Config{ServiceAccount: without("client_email")}},
		"both":         {"service_account_file", Config{ServiceAccount: secret, ServiceAccountFile: bad}},
		"no file":      {"service_account_file", Config{ServiceAccountFile: bad + "x"}},
		"bad file":     {"service_account_file", Config{ServiceAccountFile: bad}},
		"no project":   {"project_id", Config{ServiceAccount: without("project_id")}},
		"no scheme":    {"base_url", Config{ServiceAccount: s.Credentials(), BaseURL: "fcm.googleapis.com"}},
		"other scheme": {"token_url", Config{ServiceAccount: s.Credentials(), TokenURL: "file:///token"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.HTTP, c.config.Clock = http.DefaultClient, time.Now
			_, err := New(c.config)
			if err == nil || !strings.HasPrefix(err.Error(), c.setting+": ") || strings.Contains(err.Error(), "c2VjcmV0") {
				t.Errorf("%v, want one that names %s", err, c.setting)
			}
		})
	}
}

// TestDefaults: without settings Google's own addresses are called.
func TestDefaults(t *testing.T) {
	_, s := start(t, false, time.Now)
	c := Config{ServiceAccountFile: filepath.Join(t.TempDir(), "account.json"), HTTP: http.DefaultClient, Clock: time.Now}
	text := strings.Replace(s.Credentials(), `"token_uri"`, `"other"`, 1)
	if err := os.WriteFile(c.ServiceAccountFile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if want := "https://fcm.googleapis.com/v1/projects/" + fcmtest.Project + "/messages:send"; e.sendURL != want {
		t.Errorf("%s, want %s", e.sendURL, want)
	}
	if want := "https://oauth2.googleapis.com/token"; e.c.TokenURL != want {
		t.Errorf("%s, want %s", e.c.TokenURL, want)
	}
}
