package api

import (
	"net/http"
	"strings"
	"testing"
)

func TestTemplates(t *testing.T) {
	n := start(t, options{})
	if a := n.do(http.MethodPut, "/v1/templates/sale", `{"title":"#what#","body":"b"}`, "Recall-App", "shop"); a.Status != 200 {
		t.Fatalf("PUT = %d %s", a.Status, a.Body)
	}
	for app, want := range map[string]bool{"shop": true, "other": false} {
		if a := n.do("GET", "/v1/templates", "", "Recall-App", app); a.Status != 200 || strings.Contains(a.Body, "#what#") != want {
			t.Errorf("GET as %s = %d %s", app, a.Status, a.Body)
		}
	}
	for field, body := range map[string]string{"title": `{}`, "text": `{"text":"t"}`, "body": `{"body":"` + strings.Repeat("b", 5000) + `"}`} {
		if a := n.do(http.MethodPut, "/v1/templates/bad", body, "Recall-App", "shop"); a.Status != 400 || a.problem(t).Field != field {
			t.Errorf("PUT with a bad %s = %d %s", field, a.Status, a.Body)
		}
	}
	if a := n.do(http.MethodDelete, "/v1/templates/sale", "", "Recall-App", "shop"); !strings.Contains(a.Body, `"deleted":true`) {
		t.Errorf("DELETE = %s", a.Body)
	}
}
