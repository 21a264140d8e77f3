package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/events"
)

// ids are what a path or body names.
type ids struct{ push, device, user, recall string }

// tenantCase is how one route is asked for something that belongs to an app.
type tenantCase struct {
	path, body string
	// foreign is the status another app gets; owner that of the app itself.
	foreign, owner int
}

// tenantCases has an entry for every route that needs a credential; a route
// without one fails TestTenants.
func tenantCases(i ids) map[string]tenantCase {
	p, d, u, r := path("pushes", i.push), path("devices", i.device), path("users", i.user), path("recalls", i.recall)
	recall := fmt.Sprintf(`{"push":%q,"action":"terminate"}`, i.push)
	return map[string]tenantCase{
		// Publishing under a foreign id makes a push of one's own.
		"publish-events":          {"/v1/events", fmt.Sprintf(`{"kind":"push.sent","push":%q,"app":"a","data":{"channel":"fcm","devices":["x"]}}`, i.push), 422, 200},
		"read-events":             {"/v1/events?push=" + i.push, "", 200, 200},
		"follow-events":           {"/v1/events/follow?limit=1&range=:1&device=" + i.device, "", 200, 200},
		"list-pushes":             {"/v1/pushes", "", 200, 200},
		"get-push":                {p, "", 404, 200},
		"list-holders":            {p + "/holders", "", 404, 200},
		"get-notification":        {path("pushes", i.push, "devices", i.device), "", 404, 200},
		"get-timeline":            {p + "/timeline", "", 404, 200},
		"ask-gate":                {p + "/gate?device=" + i.device, "", 200, 200},
		"list-device":             {d, "", 200, 200},
		"issue-device-credential": {d + "/credential", "", 200, 200},
		"list-user":               {u, "", 200, 200},
		"preview-recall":          {"/v1/preview", recall, 404, 200},
		"request-recall":          {"/v1/recalls", recall, 404, 409},
		"list-recalls":            {"/v1/recalls", "", 200, 200},
		"get-recall":              {r, "", 404, 200},
		"list-recall-devices":     {r + "/devices", "", 404, 200},
		"watch-recall":            {r + "/watch?until=settled", "", 404, 200},
		"abort-recall":            {r + "/abort", "", 404, 200},
		"redrive-recall":          {r + "/redrive", "", 404, 200},
		"watch-overview":          {"/v1/overview?until=first", "", 200, 200},
		"get-caller":              {"/v1/caller", "", 200, 200},
		"list-positions":          {"/v1/positions", "", 200, 200},
		"list-quarantine":         {"/v1/quarantine", "", 200, 200},
		"list-dead-letters":       {"/v1/dead-letters", "", 200, 200},
		"list-channels":           {"/v1/channels", "", 200, 200},
		"list-facade-credentials": {"/v1/facades", "", 200, 200},
		// A vendor's key acts for one app: who enters it first has it.
		"put-facade-credential":    {path("facades", "ums", i.push), `{"secret":"s"}`, 200, 400},
		"delete-facade-credential": {path("facades", "tpns", i.push), "", 200, 200},
		// The node's, not an app's.
		"list-projections":    {"/v1/projections", "", 404, 404},
		"rebuild-projection":  {"/v1/projections/0/rebuild", "{}", 404, 404},
		"drop-old-projection": {"/v1/projections/0/drop-old", "", 404, 404},
		"list-templates":      {"/v1/templates", "", 200, 200},
		"put-template":        {path("templates", i.push), `{"title":"t"}`, 200, 200},
		"delete-template":     {path("templates", i.push), "", 200, 200},
	}
}

// asked makes the request of a case and gives back its answer with the ids cut
// out, so that answers about different ids can be compared.
func asked(n *node, rt route, c tenantCase, i ids, token string) (answered, string) {
	a := n.do(rt.method, c.path, c.body, "Authorization", "Bearer "+token)
	cut := strings.NewReplacer(i.push, "PUSH", i.device, "DEVICE", i.user, "USER", i.recall, "RECALL").Replace(a.Body)
	return a, cut
}

// TestTenants is L10 for every route: what belongs to another app is answered
// exactly as if it did not exist.
func TestTenants(t *testing.T) {
	keyA, tokenA := NewKey("a", []string{RoleAdmin})
	keyB, tokenB := NewKey("b", []string{RoleAdmin})
	n := start(t, options{keys: []Key{keyA, keyB}})
	secret := ids{push: "secret-push-of-a", device: "secret-device-of-a", user: "secret-user-of-a"}
	n.publish("", tokenA, created(secret.push, `"slot":"s"`),
		fmt.Sprintf(`{"kind":"push.sent","push":%q,"data":{"channel":"fcm","devices":[%q],"users":[%q]}}`, secret.push, secret.device, secret.user))
	a, err := n.client("", tokenA).Recall(context.Background(), RecallRequest{Push: secret.push, Action: "recall"}, "")
	if err != nil {
		t.Fatal(err)
	}
	secret.recall = a.Recall
	pos := n.Append("a", secret.push, events.CommandIssued, &events.Command{
		Recall: a.Recall, Channel: "fcm", Action: "recall", Method: "overwrite", Devices: []string{secret.device}, Deadline: a.Deadline,
	})
	n.Append("a", secret.push, events.OutcomeRefused, &events.Outcome{Recall: a.Recall, Channel: "fcm", Devices: []string{secret.device}, Command: pos.Seq})
	// A second description of the push stands in the quarantine.
	n.Append("a", secret.push, events.PushCreated, &events.Created{Title: "another", Audience: events.Audience{Kind: "all"}})
	nobody := ids{push: "absent-push-of-c", device: "absent-device-of-c", user: "absent-user-of-c", recall: strings.Repeat("0", len(a.Recall))}

	for _, rt := range routes() {
		if rt.roles == nil {
			if !strings.HasPrefix(rt.path, "/v1/") {
				continue // health, metrics and documents name no app
			}
			t.Errorf("%s needs no credential", rt.pattern())
		}
		c, ok := tenantCases(secret)[rt.id]
		if !ok {
			t.Errorf("%s has no entry in the table of tenants", rt.id)
			continue
		}
		foreign, body := asked(n, rt, c, secret, tokenB)
		absent, same := asked(n, rt, tenantCases(nobody)[rt.id], nobody, tokenB)
		if foreign.Status != c.foreign || absent.Status != foreign.Status {
			t.Errorf("%s: another app gets %d for what exists and %d for what does not, want %d: %s", rt.id, foreign.Status, absent.Status, c.foreign, foreign.Body)
		}
		if rt.id == "list-positions" || rt.id == "watch-overview" {
			continue // the refusals recorded meanwhile move the log
		}
		if body != same {
			t.Errorf("%s: another app's thing is answered\n%s\nand nothing is answered\n%s", rt.id, body, same)
		}
		if c.body == "" && !strings.Contains(c.path, secret.device) && foreign.Status == 200 && strings.Contains(foreign.Body, "secret-") {
			t.Errorf("%s shows another app's ids: %s", rt.id, foreign.Body)
		}
	}
	// The app itself sees all of it, so the table above asked for real things.
	// Backwards, so that the recall is aborted after everything else.
	for _, rt := range slices.Backward(routes()) {
		if c, ok := tenantCases(secret)[rt.id]; ok && rt.id != "watch-recall" {
			if got, _ := asked(n, rt, c, secret, tokenA); got.Status != c.owner {
				t.Errorf("%s: the app itself gets %d, want %d: %s", rt.id, got.Status, c.owner, got.Body)
			}
		}
	}
}

// TestRoles asks every route with every single role.
func TestRoles(t *testing.T) {
	may := map[string]string{
		"publish-events": "publish", "read-events": "read", "follow-events": "read", "list-pushes": "read", "get-push": "read", "list-holders": "read", "get-notification": "read",
		"ask-gate": "publish read", "list-device": "read", "issue-device-credential": "", "list-user": "read",
		"preview-recall": "read recall", "request-recall": "recall", "list-recalls": "read recall", "get-recall": "read recall",
		"list-recall-devices": "read recall", "watch-recall": "read recall", "abort-recall": "recall", "redrive-recall": "recall",
		"get-timeline": "read", "watch-overview": "read", "get-caller": "publish read recall",
		"list-positions": "publish read recall", "list-quarantine": "read", "list-dead-letters": "read recall", "list-channels": "publish read recall",
		"list-facade-credentials": "", "put-facade-credential": "", "delete-facade-credential": "",
		"list-templates": "publish read", "put-template": "", "delete-template": "",
		"list-projections": "", "rebuild-projection": "", "drop-old-projection": "",
	}
	var keys []Key
	tokens := map[string]string{}
	for _, role := range Roles() {
		k, token := NewKey("a", []string{role})
		keys, tokens[role] = append(keys, k), token
	}
	n := start(t, options{keys: keys})
	i := ids{push: "p", device: "d", user: "u", recall: "r"}
	for _, rt := range routes() {
		if rt.roles == nil {
			continue
		}
		want, listed := may[rt.id]
		if !listed {
			t.Errorf("%s has no entry in the table of roles", rt.id)
		}
		for role, token := range tokens {
			got, _ := asked(n, rt, tenantCases(i)[rt.id], i, token)
			allowed := role == RoleAdmin || strings.Contains(" "+want+" ", " "+role+" ")
			if allowed == (got.Status == http.StatusForbidden) {
				t.Errorf("%s as %s: status %d: %s", rt.id, role, got.Status, got.Body)
			}
			if got.Status == http.StatusForbidden && got.problem(t).Code != codeForbidden {
				t.Errorf("%s as %s: %s", rt.id, role, got.Body)
			}
		}
	}
}

// TestOpenAPI checks that the document served is OpenAPI 3.1 and has every route.
func TestOpenAPI(t *testing.T) {
	n := start(t, options{})
	var doc struct {
		OpenAPI string                                `json:"openapi"`
		Paths   map[string]map[string]json.RawMessage `json:"paths"`
	}
	a := n.do("GET", "/openapi.json", "")
	if err := json.Unmarshal([]byte(a.Body), &doc); err != nil || a.Header.Get("Content-Type") != TypeJSON {
		t.Fatal(err, a.Header)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("the document is OpenAPI %q", doc.OpenAPI)
	}
	count := 0
	for _, methods := range doc.Paths {
		count += len(methods)
	}
	for _, rt := range routes() {
		if doc.Paths[rt.path][strings.ToLower(rt.method)] == nil {
			t.Errorf("the document lacks %s", rt.pattern())
		}
		// What the document says of the parameters is what the route takes.
		for _, name := range wildcards.FindAllStringSubmatch(rt.path, -1) {
			if !strings.Contains(string(doc.Paths[rt.path][strings.ToLower(rt.method)]), `"name":"`+name[1]+`"`) {
				t.Errorf("the document lacks parameter %s of %s", name[1], rt.pattern())
			}
		}
	}
	if count != len(routes()) {
		t.Errorf("the document has %d operations, there are %d routes", count, len(routes()))
	}
	for _, gone := range []string{"/docs", "/schemas/Push.json", "/openapi.yaml", "/openapi-3.0.json"} {
		if got := n.do("GET", gone, ""); got.Status != http.StatusNotFound {
			t.Errorf("%s is served: %d", gone, got.Status)
		}
	}
	for _, word := range []string{"ErrorModel", "unpkg", "cdn."} {
		if strings.Contains(a.Body, word) {
			t.Errorf("the document has %q", word)
		}
	}
}

func TestNoSuchRoute(t *testing.T) {
	n := start(t, options{})
	for _, c := range []struct {
		method, path string
		status       int
		code, allow  string
	}{
		{"GET", "/", 404, codeNotFound, ""},
		{"GET", "/v1/nothing", 404, codeNotFound, ""},
		{"GET", "/v1/pushes/p/nothing", 404, codeNotFound, ""},
		{"GET", "/v1/pushes/%00", 404, codeNotFound, ""},
		{"DELETE", "/v1/pushes", 405, codeMethodNotAllowed, "GET"},
		{"PUT", "/v1/recalls", 405, codeMethodNotAllowed, "POST, GET"},
		{"DELETE", "/v1/events", 405, codeMethodNotAllowed, "POST, GET"},
		{"HEAD", "/v1/pushes/p/holders", 405, "", "GET"},
	} {
		a := n.do(c.method, c.path, "")
		if a.Status != c.status || strings.Join(a.Header.Values("Allow"), ", ") != c.allow {
			t.Errorf("%s %s: %d, allow %q: %s", c.method, c.path, a.Status, a.Header.Values("Allow"), a.Body)
		}
		if c.code != "" && a.problem(t).Code != c.code {
			t.Errorf("%s %s: %s", c.method, c.path, a.Body)
		}
		if a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: headers %v", c.method, c.path, a.Header)
		}
	}
}

func TestProblemPages(t *testing.T) {
	n := start(t, options{})
	seen := map[string]bool{}
	for _, k := range problemKinds() {
		if seen[k.code] {
			t.Errorf("code %s is there twice", k.code)
		}
		seen[k.code] = true
		a := n.do("GET", "/problems/"+k.code, "")
		if a.Status != 200 || !strings.Contains(a.Body, k.title) || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("page of %s: %d %s", k.code, a.Status, a.Body)
		}
	}
	if a := n.do("GET", "/problems/nothing", ""); a.Status != 404 {
		t.Errorf("page of an unknown code: %d", a.Status)
	}
}
