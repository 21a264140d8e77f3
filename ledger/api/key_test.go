package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

func TestKeys(t *testing.T) {
	key, token := NewKey("a", []string{RoleAdmin})
	if strings.Contains(key.Hash, strings.Split(token, ".")[1]) || !strings.HasPrefix(token, key.ID+".") {
		t.Fatalf("key %+v, token %s", key, token)
	}
	if other, again := NewKey("a", []string{RoleAdmin}); other.ID == key.ID || again == token {
		t.Fatal("two keys are the same")
	}
	n := start(t, options{keys: []Key{key}})
	id, secret, _ := strings.Cut(token, ".")
	var first answered
	for i, headers := range [][]string{
		nil,
		{"Authorization", ""},
		{"Authorization", "Bearer"},
		{"Authorization", "Bearer "},
		{"Authorization", "Bearer " + id},
		{"Authorization", "Bearer " + id + "."},
		{"Authorization", "Bearer ." + secret},
		{"Authorization", "Bearer nobody." + secret},
		{"Authorization", "Bearer " + id + ".wrong"},
		{"Authorization", "Bearer " + token + "x"},
		{"Authorization", "Basic " + token},
		{"Authorization", token},
		{"Recall-App", "a"},
		{"Recall-App", "b", "Authorization", "Bearer " + id + ".wrong"},
	} {
		a := n.do("GET", "/v1/pushes", "", headers...)
		if i == 0 {
			first = a
		}
		if a.Status != http.StatusUnauthorized || a.Body != first.Body || a.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%q: %d %s", headers, a.Status, a.Body)
		}
	}
	if p := first.problem(t); p.Code != codeUnauthenticated {
		t.Errorf("%+v", p)
	}
	for _, headers := range [][]string{
		{"Authorization", "Bearer " + token},
		{"Authorization", "bearer  " + token},
		{"Authorization", "Bearer " + token, "Recall-App", "a"},
	} {
		if a := n.do("GET", "/v1/pushes", "", headers...); a.Status != 200 {
			t.Errorf("%q: %d %s", headers, a.Status, a.Body)
		}
	}
	a := n.do("GET", "/v1/pushes", "", "Authorization", "Bearer "+token, "Recall-App", "b")
	if a.Status != http.StatusForbidden || a.problem(t).Code != codeForbidden {
		t.Errorf("a foreign app is named: %d %s", a.Status, a.Body)
	}
	// What needs no credential needs none.
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/openapi.json", "/problems/internal"} {
		if a := n.do("GET", path, ""); a.Status != 200 {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	for _, secretText := range []string{secret, "wrong", "nobody"} {
		if strings.Contains(n.Logged(), secretText) {
			t.Errorf("the log shows %q", secretText)
		}
	}
}

func TestOpenMode(t *testing.T) {
	n := start(t, options{})
	n.publish("", "", created("p", ""))
	n.publish("other", "", created("q", ""))
	for app, want := range map[string]string{"": "p", "default": "p", "other": "q"} {
		l, err := n.client(app, "").Pushes(context.Background(), ListOptions{})
		if err != nil || len(l.Pushes) != 1 || l.Pushes[0].Push != want {
			t.Errorf("app %q has %+v, %v", app, l, err)
		}
	}
	for _, app := range []string{"a.b", "a b", "*", strings.Repeat("a", 65), "中"} {
		a := n.do("GET", "/v1/pushes", "", "Recall-App", app)
		if a.Status != 400 || a.problem(t).Field != "Recall-App" {
			t.Errorf("app %q: %d %s", app, a.Status, a.Body)
		}
	}
}

func TestBadKeys(t *testing.T) {
	good, _ := NewKey("a", []string{RoleRead})
	change := func(f func(*Key)) Key {
		k := good
		f(&k)
		return k
	}
	for name, k := range map[string]Key{
		"no id":      change(func(k *Key) { k.ID = "" }),
		"dot in id":  change(func(k *Key) { k.ID = "a.b" }),
		"long id":    change(func(k *Key) { k.ID = strings.Repeat("a", 65) }),
		"control id": change(func(k *Key) { k.ID = "a\x01" }),
		"no hash":    change(func(k *Key) { k.Hash = "" }),
		"short hash": change(func(k *Key) { k.Hash = "abcd" }),
		"no app":     change(func(k *Key) { k.App = "" }),
		"bad app":    change(func(k *Key) { k.App = "a.b" }),
		"no roles":   change(func(k *Key) { k.Roles = nil }),
		"bad role":   change(func(k *Key) { k.Roles = []string{"write"} }),
	} {
		if _, err := newKeyring([]Key{k}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := newKeyring([]Key{good, good}); err == nil {
		t.Error("the same key twice: accepted")
	}
}

func TestNewClient(t *testing.T) {
	for _, c := range []ClientConfig{
		{URL: ""}, {URL: "127.0.0.1:80"}, {URL: "ftp://h"}, {URL: "http://"}, {URL: "http://h?x=1"}, {URL: "http://h", App: "a.b"}, {URL: "http://h", Token: "a\nb"},
	} {
		if _, err := NewClient(c); err == nil {
			t.Errorf("%+v: accepted", c)
		}
	}
}
