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
	if a := put("shop", "timpush/1400", `{"secret":"hush","admins":["boss"]}`); a.status != 200 || strings.Contains(a.body, "hush") {
		t.Errorf("PUT = %d %s, want 200 without the secret", a.status, a.body)
	}
	if a := n.do("GET", "/v1/facades", "", "Recall-App", "shop"); a.body != `{"credentials":[{"facade":"timpush","id":"1400","admins":["boss"]}]}`+"\n" && a.body != `{"credentials":[{"facade":"timpush","id":"1400","admins":["boss"]}]}` {
		t.Errorf("GET = %s", a.body)
	}
	if a := n.do("GET", "/v1/facades", "", "Recall-App", "other"); strings.Contains(a.body, "1400") {
		t.Errorf("another app sees the key: %s", a.body)
	}
	for name, tt := range map[string]struct{ path, body, field string }{
		"unknown facade": {"apns/1", `{"secret":"s"}`, "facade"},
		"no secret":      {"ums/1", `{}`, "secret"},
		"unknown field":  {"ums/1", `{"secret":"s","app":"other"}`, "app"},
		"taken":          {"timpush/1400", `{"secret":"s"}`, "id"},
	} {
		if a := put("other", tt.path, tt.body); a.status != 400 || a.problem(t).Field != tt.field {
			t.Errorf("%s: %d %s, want 400 for field %s", name, a.status, a.body, tt.field)
		}
	}
	if a := n.do(http.MethodDelete, "/v1/facades/timpush/1400", "", "Recall-App", "other"); !strings.Contains(a.body, `"deleted":false`) {
		t.Errorf("another app deleted the key: %s", a.body)
	}
	if a := n.do(http.MethodDelete, "/v1/facades/timpush/1400", "", "Recall-App", "shop"); !strings.Contains(a.body, `"deleted":true`) {
		t.Errorf("DELETE = %s", a.body)
	}
	if strings.Contains(n.lines.String(), "hush") {
		t.Error("the secret stands in the log")
	}
}
