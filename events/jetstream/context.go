package jetstream

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// contextFile is what is read of a context of the NATS CLI, which keeps it at
// $XDG_CONFIG_HOME/nats/context/NAME.json, by default below ~/.config (page
// docs.nats.io/using-nats/nats-tools/nats_cli, and the module
// github.com/synadia-io/orbit.go/natscontext v0.1.1, read 2026-11-20). That module
// is not used: it runs the program nsc when a context says so, and does not say
// which setting is wrong.
type contextFile struct {
	URL      string `json:"url"`
	User     string `json:"user"`
	Password string `json:"password"`
	Token    string `json:"token"`
	Creds    string `json:"creds"`
	NKey     string `json:"nkey"`
	CA       string `json:"ca"`
	Cert     string `json:"cert"`
	Key      string `json:"key"`
	Inbox    string `json:"inbox_prefix"`
	TLSFirst bool   `json:"tls_first"`

	// What this program cannot do is refused rather than passed over.
	Domain       string `json:"jetstream_domain"`
	APIPrefix    string `json:"jetstream_api_prefix"`
	Proxy        string `json:"socks_proxy"`
	NSC          string `json:"nsc"`
	JWT          string `json:"user_jwt"`
	WindowsStore string `json:"windows_cert_store"`
}

// fromContext fills what is not set from the context.
func (c *DialConfig) fromContext() error {
	if c.Context == "" {
		return nil
	}
	path, err := contextPath(c.Context)
	if err != nil {
		return fmt.Errorf("nats.context: %w", err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("nats.context: %w", err)
	}
	var f contextFile
	if err := json.Unmarshal(b, &f); err != nil {
		return fmt.Errorf("nats.context: %s is not a context of the NATS CLI: %w", path, err)
	}
	for _, u := range []struct{ name, value string }{
		{"jetstream_domain", f.Domain}, {"jetstream_api_prefix", f.APIPrefix}, {"socks_proxy", f.Proxy},
		{"nsc", f.NSC}, {"user_jwt", f.JWT}, {"windows_cert_store", f.WindowsStore},
	} {
		if u.value != "" {
			return fmt.Errorf("nats.context: %s sets %s, which is not supported", path, u.name)
		}
	}
	c.source = map[string]string{}
	fill := func(name string, have *string, value string) {
		if *have == "" && value != "" {
			*have, c.source[name] = value, path
		}
	}
	fill("url", &c.URL, f.URL)
	fill("ca", &c.CA, expand(f.CA))
	if c.Cert == "" && c.Key == "" {
		fill("cert", &c.Cert, expand(f.Cert))
		fill("key", &c.Key, expand(f.Key))
	}
	if len(c.given()) == 0 && c.Password == "" {
		fill("user", &c.User, f.User)
		fill("password", &c.Password, f.Password)
		fill("token", &c.Token, f.Token)
		fill("creds", &c.Creds, expand(os.ExpandEnv(f.Creds)))
		fill("nkey", &c.NKey, expand(f.NKey))
	}
	c.inbox, c.tlsFirst = f.Inbox, f.TLSFirst
	return nil
}

// contextPath returns the file of a context. A name cannot lead elsewhere.
func contextPath(context string) (string, error) {
	if strings.ContainsRune(context, filepath.Separator) || strings.HasSuffix(context, ".json") {
		return context, nil
	}
	if strings.Contains(context, "..") {
		return "", fmt.Errorf("%q is neither the name of a context nor a path", context)
	}
	config := os.Getenv("XDG_CONFIG_HOME")
	if config == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		config = filepath.Join(home, ".config")
	}
	return filepath.Join(config, "nats", "context", context+".json"), nil
}

// expand replaces a leading ~ by the user's folder, as the NATS CLI does.
func expand(path string) string {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok || rest != "" && rest[0] != filepath.Separator {
		return path
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return path
	}
	return home + rest
}
