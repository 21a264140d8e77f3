package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/node"
)

// checkServe prints the configuration in effect and finds out whether a node
// could start with it, without leaving a trace.
func (o *globalOptions) checkServe(cmd *cobra.Command, c *serveConfig) error {
	p := o.printer(cmd)
	if err := p.effective(c); err != nil {
		return err
	}
	for _, w := range c.warnings {
		p.note("warning: %s", w)
	}
	var problems []string
	for _, err := range []error{
		c.node.Validate(), checkFolder(c.node.Data), checkListen("http.listen", c.node.HTTP.Listen),
		checkListen("devices.listen", c.node.Devices.Listen), checkFiles(&c.node),
	} {
		if err != nil {
			problems = append(problems, strings.Split(err.Error(), "\n")...)
		}
	}
	switch len(problems) {
	case 0:
		p.note("The configuration is in order.")
		return nil
	case 1:
		return exitf(exitError, "%s", problems[0])
	}
	return exitf(exitError, "a node would not start:\n  %s", strings.Join(problems, "\n  "))
}

// effectiveSetting is a setting as --check prints it.
type effectiveSetting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	From  string `json:"from"`
}

func (p *printer) effective(c *serveConfig) error {
	var rows []effectiveSetting
	for _, s := range settings() {
		v := s.show(c.values[s.key])
		if s.kind == kindList {
			ids := c.entries(s.key)
			if v = strings.Join(ids, "; "); v == "" {
				v = "none"
			}
		}
		rows = append(rows, effectiveSetting{Key: s.key, Value: v, From: c.from[s.key]})
	}
	return list(p, rows, rows, func() error {
		g := p.grid(column{name: "setting"}, column{name: "value"}, column{name: "from"})
		for _, r := range rows {
			from := painted{r.From, ""}
			if r.From == "default" {
				from.color = dim
			}
			g.row(r.Key, r.Value, from)
		}
		return g.render(p.out)
	})
}

// checkFolder finds out whether a node could write there, and is alone there.
func checkFolder(dir string) error {
	if dir == "" {
		return nil // Validate says so
	}
	info, err := os.Stat(dir)
	if errors.Is(err, os.ErrNotExist) {
		return checkParent(dir)
	}
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("data: %s is not a folder", dir)
	}
	if err := writable(dir); err != nil {
		return err
	}
	if err := node.Folder(dir).CheckLock(); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	return nil
}

// checkParent finds out whether a folder could be made.
func checkParent(dir string) error {
	parent := filepath.Dir(filepath.Clean(dir))
	for {
		info, err := os.Stat(parent)
		switch {
		case err == nil && !info.IsDir():
			return fmt.Errorf("data: %s cannot be made: %s is not a folder", dir, parent)
		case err == nil:
			return writable(parent)
		case !errors.Is(err, os.ErrNotExist) || parent == filepath.Dir(parent):
			return fmt.Errorf("data: %w", err)
		}
		parent = filepath.Dir(parent)
	}
}

func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".recall-check-*")
	if err != nil {
		return fmt.Errorf("data: %s cannot be written to: %w", dir, plainError(err))
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func checkListen(name, address string) error {
	if address == "" {
		return nil
	}
	l, err := net.Listen("tcp", address)
	var form *net.AddrError
	switch {
	case err == nil:
		return l.Close()
	case errors.As(err, &form):
		return nil // Validate says so
	}
	return fmt.Errorf("%s: %w", name, err)
}

// checkFiles reads the files the node would read later.
func checkFiles(c *node.Config) error {
	var errs []error
	for _, pair := range []struct{ name, cert, key string }{
		{"http.tls_cert, http.tls_key", c.HTTP.TLSCert, c.HTTP.TLSKey},
		{"devices.tls_cert, devices.tls_key", c.Devices.TLSCert, c.Devices.TLSKey},
		{"nats.cert, nats.key", c.NATS.Cert, c.NATS.Key},
	} {
		if pair.cert == "" || pair.key == "" {
			continue
		}
		if _, err := tls.LoadX509KeyPair(pair.cert, pair.key); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", pair.name, err))
		}
	}
	for _, f := range []struct{ name, path string }{
		{"nats.creds", c.NATS.Creds}, {"nats.nkey", c.NATS.NKey}, {"nats.ca", c.NATS.CA},
	} {
		if f.path == "" {
			continue
		}
		if _, err := os.ReadFile(f.path); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.name, err))
		}
	}
	return errors.Join(errs...)
}

// entries names the entries of a list, without what is secret of them.
func (c *serveConfig) entries(key string) []string {
	var ids []string
	switch key {
	case "facades":
		for _, f := range c.node.Facades {
			ids = append(ids, fmt.Sprintf("%s %s (%s)", f.Facade, f.ID, f.App))
		}
	case "vendors":
		for _, v := range c.node.Vendors {
			ids = append(ids, fmt.Sprintf("%s (%s)", v.Channel, v.App))
		}
	case "callbacks":
		for _, a := range c.node.Callbacks {
			ids = append(ids, fmt.Sprintf("%s/%s (%s)", a.Channel, a.ID, a.App))
		}
	case "webhooks":
		for _, w := range c.node.Webhooks {
			ids = append(ids, fmt.Sprintf("%s (%s)", webhookHost(w.URL), w.App))
		}
	default:
		for _, k := range c.node.Keys {
			ids = append(ids, fmt.Sprintf("%s (%s: %s)", k.ID, k.App, strings.Join(k.Roles, ", ")))
		}
	}
	return ids
}

// webhookHost is what may be shown of a URL: the rest of it may hold a secret.
func webhookHost(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return "(not a URL)"
	}
	return u.Scheme + "://" + u.Host
}
