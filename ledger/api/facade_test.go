package api

import (
	"net/http"
	"strings"
	"testing"
)

func TestFacadeCredentials(t *testing.T) {
	n := start(t, options{})
	put := func(app, name, body string) answered {
		return n.do(http.MethodPut, "/v1/facades/"+name, body, "Recall-App", app)
	}
	if a := put("shop", "timpush/1400", `{"secret":"hush","admins":["boss"]}`); a.Status != 200 || strings.Contains(a.Body, "hush") {
		t.Errorf("PUT = %d %s, want 200 without the secret", a.Status, a.Body)
	}
	if a := n.do("GET", "/v1/facades", "", "Recall-App", "shop"); a.Body != `{"credentials":[{"facade":"timpush","id":"1400","admins":["boss"]}]}`+"\n" && a.Body != `{"credentials":[{"facade":"timpush","id":"1400","admins":["boss"]}]}` {
		t.Errorf("GET = %s", a.Body)
	}
	if a := n.do("GET", "/v1/facades", "", "Recall-App", "other"); strings.Contains(a.Body, "1400") {
		t.Errorf("another app sees the key: %s", a.Body)
	}
	for body, shown := range map[string]string{
		`{"secret":"hush","callback_token":"0123456789abcdef"}`: `{"facade":"timpush","id":"1401","callback":true}`,
		`{"secret":"hush","disabled":true}`:                     `{"facade":"timpush","id":"1401","disabled":true}`,
	} {
		if a := put("shop", "timpush/1401", body); a.Status != 200 || strings.TrimSpace(a.Body) != shown {
			t.Errorf("PUT %s = %d %s, want %s", body, a.Status, a.Body, shown)
		}
		if a := n.do("GET", "/v1/facades", "", "Recall-App", "shop"); !strings.Contains(a.Body, shown) {
			t.Errorf("after PUT %s the list is %s", body, a.Body)
		}
	}
	for _, option := range []string{"sign_only", "basic_only"} {
		shown := `{"facade":"tpns","id":"1500","` + option + `":true}`
		if a := put("shop", "tpns/1500", `{"secret":"hush","`+option+`":true}`); a.Status != 200 || strings.TrimSpace(a.Body) != shown {
			t.Errorf("PUT = %d %s, want %s", a.Status, a.Body, shown)
		}
	}
	for name, tt := range map[string]struct{ path, body, field string }{
		"unknown facade": {"apns/1", `{"secret":"s"}`, "facade"},
		"no secret":      {"ums/1", `{}`, "secret"},
		"unknown field":  {"ums/1", `{"secret":"s","app":"other"}`, "app"},
		"taken":          {"timpush/1400", `{"secret":"s"}`, "id"},
		"no TPNS key":    {"ums/1", `{"secret":"s","sign_only":true}`, "sign_only"},
		"no way in":      {"tpns/1", `{"secret":"s","sign_only":true,"basic_only":true}`, "basic_only"},
		"short token":    {"timpush/1", `{"secret":"s","callback_token":"short"}`, "callback_token"},
	} {
		if a := put("other", tt.path, tt.body); a.Status != 400 || a.problem(t).Field != tt.field {
			t.Errorf("%s: %d %s, want 400 for field %s", name, a.Status, a.Body, tt.field)
		}
	}
	if a := n.do(http.MethodDelete, "/v1/facades/timpush/1400", "", "Recall-App", "other"); !strings.Contains(a.Body, `"deleted":false`) {
		t.Errorf("another app deleted the key: %s", a.Body)
	}
	if a := n.do(http.MethodDelete, "/v1/facades/timpush/1400", "", "Recall-App", "shop"); !strings.Contains(a.Body, `"deleted":true`) {
		t.Errorf("DELETE = %s", a.Body)
	}
	if strings.Contains(n.Logged(), "hush") || strings.Contains(n.Logged(), "0123456789abcdef") {
		t.Error("the secret stands in the log")
	}
}
