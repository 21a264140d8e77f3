package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/events"
)

// overviewOf reads the first message of an overview.
func (n *node) overviewOf(query string) Overview {
	n.T.Helper()
	a := n.do("GET", "/v1/overview?until=first"+query, "")
	body, ok := strings.CutPrefix(a.Body, "event: overview\ndata: ")
	var v Overview
	if err := json.Unmarshal([]byte(body), &v); !ok || err != nil || a.Status != 200 {
		n.T.Fatalf("%d %v %s", a.Status, err, a.Body)
	}
	return v
}

func TestOverview(t *testing.T) {
	n := start(t, options{change: func(c *Config) {
		c.Ready = func(context.Context) error { return errors.New("the disk is on fire") }
		c.Disk = func() (Disk, error) { return Disk{Free: 1, Total: 2}, nil }
		c.LogLimit = 1 << 40
	}})
	n.publish("", "",
		created("old", `"labels":{"Desk":"Weather"}`), created("Sale-1", `"slot":"s"`), fact("push.sent", "Sale-1", "fcm", "a", "b", "c"), fact("push.sent", "Sale-1", "sms", "d"),
		fact("display.shown", "Sale-1", "fcm", "a", "b"), fact("click.clicked", "Sale-1", "fcm", "b"),
		created("later", `"schedule_at":"2099-01-01T00:00:00Z"`))
	r, err := n.client("", "").Recall(t.Context(), RecallRequest{Push: "Sale-1", Action: "recall"}, "")
	if err != nil {
		t.Fatal(err)
	}
	v := n.overviewOf("")
	if len(v.Pushes) != 3 || v.Pushes[0].Push != "later" || v.Pushes[0].Status != "scheduled" || v.More || v.Searched != 0 {
		t.Fatalf("%+v", v)
	}
	p := v.Pushes[1]
	if p.Push != "Sale-1" || p.Funnel["sent"] != 4 || p.Funnel["shown"] != 2 || p.Funnel["clicked"] != 1 || p.Certain != 1 || p.Possible != 2 || p.Unreachable != 1 ||
		len(p.Channels) != 2 || p.Recall == nil || p.Recall.Recall != r.Recall || p.Recall.Settled {
		t.Errorf("%+v", p)
	}
	if len(v.Recalls) != 1 || v.Recalls[0].Recall != r.Recall || v.Health.NotReady != "the disk is on fire" || v.Health.Disk.Free != 1 || v.Health.LogLimit != 1<<40 || v.Health.DeadLetters != 0 {
		t.Errorf("%+v", v)
	}
	pos := n.command(r, "a")
	n.Append("default", "Sale-1", events.OutcomeRefused, &events.Outcome{Recall: r.Recall, Channel: "fcm", Devices: []string{"a"}, Command: pos.Seq})
	if v := n.overviewOf(""); v.Health.DeadLetters != 1 || v.Health.Redrivable != 1 {
		t.Errorf("%+v", v.Health)
	}
	for search, want := range map[string]string{"sale": "Sale-1", "SALE-1": "Sale-1", "weather": "old", "desk": "old", "T": "later Sale-1 old", "nothing": "", " ": "later Sale-1 old"} {
		var got []string
		v := n.overviewOf("&search=" + url.QueryEscape(search))
		for _, p := range v.Pushes {
			got = append(got, p.Push)
		}
		if strings.Join(got, " ") != want || v.More {
			t.Errorf("search %q found %v, want %s", search, got, want)
		}
	}
	if v := n.overviewOf("&limit=1"); len(v.Pushes) != 1 || !v.More {
		t.Errorf("%+v", v)
	}
	if v := n.overviewOf("&limit=3"); len(v.Pushes) != 3 || v.More {
		t.Errorf("%+v", v)
	}
	for query, field := range map[string]string{"limit=0": "limit", "until=settled": "until", "search=" + strings.Repeat("x", 201): "search", "search=%00": "search", "serach=x": "serach"} {
		if a := n.do("GET", "/v1/overview?"+query, ""); a.Status != 400 || a.problem(t).Field != field {
			t.Errorf("%s: %d %s", query, a.Status, a.Body)
		}
	}
}

// TestOverviewIsLive: what happens is told without being asked for.
func TestOverviewIsLive(t *testing.T) {
	n := start(t, options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.HTTP.URL+"/v1/overview", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := n.HTTP.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	seen := func(text string) {
		t.Helper()
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "data: ") && strings.Contains(lines.Text(), text) {
				return
			}
		}
		t.Fatalf("no message with %s: %v", text, lines.Err())
	}
	seen(`"pushes":[]`)
	n.publish("", "", created("p", ""))
	seen(`"push":"p"`)
	n.publish("", "", fact("push.sent", "p", "fcm", "a"))
	seen(`"possible":1`)
	n.server.Close()
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the overview of a node that stops ended in %v", err)
	}
}

func TestCaller(t *testing.T) {
	k, token := NewKey("a", []string{RoleRead, RoleRecall})
	n := start(t, options{keys: []Key{k}})
	if a := n.do("GET", "/v1/caller", "", "Authorization", "Bearer "+token); a.Body != fmt.Sprintf(`{"app":"a","key":%q,"roles":["read","recall"],"version":"test"}`+"\n", k.ID) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	n = start(t, options{})
	n.publish("shop", "", created("p", ""))
	if a := n.do("GET", "/v1/caller", ""); a.Body != `{"app":"default","roles":["admin"],"open":true,"apps":["shop"],"version":"test"}`+"\n" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}
