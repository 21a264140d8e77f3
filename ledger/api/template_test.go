package api

import (
	"net/http"
	"strings"
	"testing"
)

func TestTemplates(t *testing.T) {
	n := start(t, options{})
	if a := n.do(http.MethodPut, "/v1/templates/sale", `{"title":"#what#","body":"b"}`, "Recall-App", "shop"); a.status != 200 {
		t.Fatalf("PUT = %d %s", a.status, a.body)
	}
	for app, want := range map[string]bool{"shop": true, "other": false} {
		if a := n.do("GET", "/v1/templates", "", "Recall-App", app); a.status != 200 || strings.Contains(a.body, "#what#") != want {
			t.Errorf("GET as %s = %d %s", app, a.status, a.body)
		}
	}
	for field, body := range map[string]string{"title": `{}`, "text": `{"text":"t"}`, "body": `{"body":"` + strings.Repeat("b", 5000) + `"}`} {
		if a := n.do(http.MethodPut, "/v1/templates/bad", body, "Recall-App", "shop"); a.status != 400 || a.problem(t).Field != field {
			t.Errorf("PUT with a bad %s = %d %s", field, a.status, a.body)
		}
	}
	if a := n.do(http.MethodDelete, "/v1/templates/sale", "", "Recall-App", "shop"); !strings.Contains(a.body, `"deleted":true`) {
		t.Errorf("DELETE = %s", a.body)
	}
}
