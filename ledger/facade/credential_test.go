package facade

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
)

func open(t *testing.T, dir string) *Credentials {
	t.Helper()
	c, err := OpenCredentials(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCredentialsSurviveAndHideSecrets(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	want := Credential{Facade: TIMPush, ID: "1400000000", App: "shop", Secret: "a very secret secret", Admins: []string{"administrator"}}
	if err := c.Put(want); err != nil {
		t.Fatal(err)
	}
	got, ok := open(t, dir).Find(TIMPush, "1400000000")
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	if got := open(t, dir).List(); len(got) != 1 || got[0].Secret != "" {
		t.Errorf("List = %+v, want one credential without its secret", got)
	}
	if strings.Contains(want.String(), want.Secret) {
		t.Error("String shows the secret")
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(want.Secret)) || bytes.Contains(b, []byte(want.ID)) {
			t.Errorf("%s holds the credential in clear", filepath.Base(path))
		}
		info, statErr := d.Info()
		if statErr == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", filepath.Base(path), info.Mode())
		}
		return errors.Join(err, statErr)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUnknownKeyHasASecretNobodyKnows(t *testing.T) {
	a, b := open(t, t.TempDir()), open(t, t.TempDir())
	x, ok := a.Find(UMS, "nobody")
	if ok || len(x.Secret) < 32 || x.App != "" {
		t.Errorf("Find of an unknown key = %+v, %v", x, ok)
	}
	if y, _ := b.Find(UMS, "nobody"); y.Secret == x.Secret {
		t.Error("two nodes share the secret of unknown keys")
	}
}

func TestCredentialChanges(t *testing.T) {
	c := open(t, t.TempDir())
	k := Credential{Facade: UMS, ID: "k", App: "shop", Secret: "s"}
	if err := c.Put(k); err != nil {
		t.Fatal(err)
	}
	k.Secret = "rotated"
	if err := c.Put(k); err != nil {
		t.Fatal(err)
	}
	if got, _ := c.Find(UMS, "k"); !got.Matches("rotated") || got.Matches("s") {
		t.Error("after Put the secret is the old one")
	}
	stolen := k
	stolen.App = "other"
	var field *events.FieldError
	if err := c.Put(stolen); !errors.As(err, &field) || field.Field != "id" {
		t.Errorf("another app took the key: %v", err)
	}
	if done, err := c.Delete("other", UMS, "k"); done || err != nil {
		t.Errorf("another app deleted the key: %v, %v", done, err)
	}
	if done, err := c.Delete("shop", UMS, "k"); !done || err != nil {
		t.Errorf("Delete = %v, %v", done, err)
	}
	if _, ok := c.Find(UMS, "k"); ok {
		t.Error("the deleted key is still there")
	}
}

func TestBadCredentials(t *testing.T) {
	good := Credential{Facade: UMS, ID: "k", App: "shop", Secret: "s"}
	for field, change := range map[string]func(*Credential){
		"facade": func(c *Credential) { c.Facade = "apns" },
		"id":     func(c *Credential) { c.ID = "" },
		"app":    func(c *Credential) { c.App = "a b" },
		"secret": func(c *Credential) { c.Secret = strings.Repeat("s", MaxSecret+1) },
		"admins": func(c *Credential) { c.Admins = make([]string, MaxAdmins+1) },
		// An option that does nothing would be taken for a protection.
		"sign_only":      func(c *Credential) { c.SignOnly = true },
		"basic_only":     func(c *Credential) { c.BasicOnly = true },
		"callback_token": func(c *Credential) { c.CallbackToken = "0123456789abcdef" },
	} {
		c := good
		change(&c)
		var f *events.FieldError
		if err := open(t, t.TempDir()).Put(c); !errors.As(err, &f) || f.Field != field {
			t.Errorf("Put with a bad %s = %v", field, err)
		}
	}
}

func TestBadOptions(t *testing.T) {
	for reason, bad := range map[string]Credential{
		"no way":             {Facade: TPNS, SignOnly: true, BasicOnly: true},
		"has 15 characters":  {Facade: TIMPush, CallbackToken: strings.Repeat("t", MinToken-1)},
		"has 129 characters": {Facade: TIMPush, CallbackToken: strings.Repeat("t", MaxToken+1)},
		"characters other":   {Facade: TIMPush, CallbackToken: "a token with spaces"},
	} {
		bad.ID, bad.App, bad.Secret = "1", "shop", "hush"
		c := open(t, t.TempDir())
		err := c.Put(bad)
		if err == nil || !strings.Contains(err.Error(), reason) || strings.Contains(err.Error(), "token with") {
			t.Errorf("Put = %v, want %q", err, reason)
		}
		if err := c.Fix([]Credential{bad}); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("Fix = %v, want %q", err, reason)
		}
		if len(c.List()) != 0 {
			t.Errorf("%s: the credential was kept", reason)
		}
	}
}

func TestWhatIsOnlyComparedIsHashed(t *testing.T) {
	const secret, token = "master secret", "0123456789abcdef"
	fixed := open(t, t.TempDir())
	list := []Credential{
		{Facade: UMS, ID: "k", App: "shop", Secret: secret},
		{Facade: TIMPush, ID: "1400", App: "shop", Secret: secret, CallbackToken: token},
		{Facade: TPNS, ID: "1", App: "shop", Secret: secret},
		{Facade: TPNS, ID: "2", App: "shop", Secret: secret, BasicOnly: true},
		{Facade: TPNS, ID: "3", App: "shop", Secret: secret, SignOnly: true},
		{Facade: MPaaS, ID: "k", App: "shop", Secret: secret},
	}
	if err := fixed.Fix(list); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	entered := open(t, dir)
	for _, k := range list {
		if err := entered.Put(k); err != nil {
			t.Fatal(err)
		}
	}
	for where, c := range map[string]*Credentials{"configured": fixed, "entered": entered, "read": open(t, dir)} {
		for _, k := range list {
			got, _ := c.Find(k.Facade, k.ID)
			compared := k.Facade == UMS || k.BasicOnly
			if (got.Secret == "") != compared || (got.Hash != nil) != compared || got.CallbackToken != "" {
				t.Errorf("%s: kept of %s is %+v", where, k, got)
			}
			if !got.Matches(secret) || got.Matches("") || got.Matches("wrong") || got.Matches(string(got.Hash)) {
				t.Errorf("%s: the secret of %s is not compared as it should be", where, k)
			}
			if got.TakesCallback(token) != (k.CallbackToken != "") || got.TakesCallback("") || got.TakesCallback(secret) {
				t.Errorf("%s: the token of %s is not compared as it should be", where, k)
			}
		}
		unknown, _ := c.Find(UMS, "unknown")
		if unknown.Matches("") || unknown.TakesCallback("") {
			t.Errorf("%s: nothing opens an unknown key", where)
		}
		for _, k := range c.List() {
			if k.Secret != "" || k.Hash != nil || k.CallbackToken != "" {
				t.Errorf("%s: List shows %+v", where, k)
			}
		}
	}
}

func TestDamagedFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	if err := open(t, dir).Put(Credential{Facade: UMS, ID: "k", App: "shop", Secret: "s"}); err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func([]byte) []byte{
		"credentials":     func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"credentials.key": func(b []byte) []byte { return b[:5] },
	} {
		file := filepath.Join(dir, name)
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, damage(bytes.Clone(b)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenCredentials(dir); err == nil || !strings.Contains(err.Error(), "restore") {
			t.Errorf("OpenCredentials with a damaged %s = %v, want an error that says what to do", name, err)
		}
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCredentialsOfTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	if err := c.Put(Credential{Facade: UMS, ID: "k", App: "shop", Secret: "from the file"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Fix([]Credential{{Facade: UMS, ID: "k", App: "shop", Secret: "configured"}}); err != nil {
		t.Fatal(err)
	}
	if k, _ := c.Find(UMS, "k"); !k.Matches("configured") {
		t.Error("the secret is not the configured one")
	}
	if list := c.List(); len(list) != 1 || list[0].Secret != "" {
		t.Errorf("List = %+v, want the key once, without its secret", list)
	}
	var field *events.FieldError
	if err := c.Put(Credential{Facade: UMS, ID: "k", App: "shop", Secret: "s"}); !errors.As(err, &field) || field.Field != "id" {
		t.Errorf("Put of a configured key = %v, want a refusal", err)
	}
	if k, _ := open(t, dir).Find(UMS, "k"); !k.Matches("from the file") {
		t.Error("without the configuration the secret is not the file's")
	}
	for _, bad := range [][]Credential{
		{{Facade: UMS, ID: "k", App: "shop"}},
		{{Facade: UMS, ID: "k", App: "a", Secret: "s"}, {Facade: UMS, ID: "k", App: "b", Secret: "s"}},
	} {
		if err := c.Fix(bad); err == nil || !strings.Contains(err.Error(), "facades[") {
			t.Errorf("Fix = %v, want an error that names the entry", err)
		}
	}
}
