package node

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/scripted"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/projections"
)

// watched is a node with a vendor that throttles "stuck" and refuses "refused",
// and whatever a test needs to see every metric move.
func watched(t *testing.T) (*Node, *api.Client) {
	t.Helper()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }))
	t.Cleanup(refusing.Close)
	c := testConfig(t)
	c.Webhooks = []WebhookConfig{{App: "shop", URL: refusing.URL, Secret: "twenty-four bytes or more"}}
	row, _ := channels.Lookup(channels.Native, "vivo")
	c.Emitters = map[string]channels.Emitter{"vivo": scripted.New(scripted.Config{Row: row, Behave: func(device string) scripted.Behaviour {
		return map[string]scripted.Behaviour{"stuck": {Throttle: 1 << 30}, "refused": {Refuse: "no"}}[device]
	}})}
	n, client, _ := start(t, c)
	return n, client
}

// take recalls a push that devices show.
func take(t *testing.T, client *api.Client, push string, devices ...string) api.RecallAnswer {
	t.Helper()
	list, err := json.Marshal(devices)
	if err != nil {
		t.Fatal(err)
	}
	publish(t, client,
		`{"kind":"push.created","push":"`+push+`","data":{"slot":"1","audience":{"kind":"all"}}}`,
		`{"kind":"push.sent","push":"`+push+`","data":{"channel":"vivo","send":"s1","devices":`+string(list)+`}}`,
		`{"kind":"display.shown","push":"`+push+`","data":{"channel":"vivo","devices":`+string(list)+`}}`)
	all := true
	a, err := client.Recall(context.Background(), api.RecallRequest{Push: push, Action: channels.Recall, WholeSends: &all}, "")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// scrape returns the samples of /metrics, by name with labels, and the names.
func scrape(t *testing.T, n *Node) (samples map[string]string, names map[string]bool) {
	t.Helper()
	resp, err := http.Get("http://" + n.Address() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET /metrics = %d, %v: %s", resp.StatusCode, err, b)
	}
	samples, names = map[string]string{}, map[string]bool{}
	for line := range strings.Lines(string(b)) {
		if i := strings.LastIndexByte(strings.TrimSpace(line), ' '); i > 0 && line[0] != '#' {
			samples[line[:i]] = strings.TrimSpace(line[i:])
			name, _, _ := strings.Cut(line[:i], "{")
			names[name] = true
		}
	}
	return samples, names
}

func TestSurvey(t *testing.T) {
	n, client := watched(t)
	ctx := context.Background()
	look := func() map[string]string {
		t.Helper()
		if err := n.survey.look(ctx); err != nil {
			t.Fatal(err)
		}
		samples, _ := scrape(t, n)
		return samples
	}
	check := func(samples map[string]string, want map[string]string) {
		t.Helper()
		for name, value := range want {
			if samples[name] != value {
				t.Errorf("%s is %q, want %q", name, samples[name], value)
			}
		}
	}
	check(look(), map[string]string{
		"recall_ledger_recalls_running": "0", "recall_ledger_recall_completion_ratio": "1", "recall_ledger_recall_window_left_seconds": "",
		"recall_ledger_ready": "1", "recall_ledger_projection_lag_seconds": "0", `recall_channel_held_apps{channel="vivo"}`: "0",
		`recall_ledger_clicks_after_recall_total{channel="vivo"}`: "0",
	})
	a := take(t, client, "open", "a", "b", "c", "stuck")
	done := errors.New("three are done")
	if err := client.Watch(ctx, a.Recall, "", func(r projections.Recall) error {
		if r.Total.Done() == 3 {
			return done
		}
		return nil
	}); !errors.Is(err, done) {
		t.Fatal(err)
	}
	b := take(t, client, "letters", "refused")
	watch(t, client, b.Recall)
	pos := publish(t, client,
		`{"kind":"click.clicked","push":"open","data":{"channel":"vivo","devices":["a","b"]}}`,
		// One that happened before the recall, one on a push that nobody recalled.
		`{"kind":"click.clicked","push":"open","time":"`+time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)+`","data":{"channel":"vivo","devices":["c"]}}`,
		`{"kind":"click.clicked","push":"other","data":{"channel":"vivo","devices":["a"]}}`)
	if _, err := client.Push(ctx, "open", api.ReadOptions{AtLeast: pos}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"recall_ledger_recalls_running": "2", "recall_ledger_recalls_unsettled": "1", "recall_ledger_recall_open_devices": "1",
		"recall_ledger_recall_completion_ratio": "0.75", "recall_ledger_dead_letters": "1",
		`recall_ledger_holders{certainty="certain",channel="vivo"}`: "1", `recall_ledger_holders{certainty="possible",channel="vivo"}`: "0",
		"recall_ledger_time_to_clear_seconds_count":               "1",
		`recall_ledger_clicks_after_recall_total{channel="vivo"}`: "2",
	}
	check(look(), want)
	n.held.note("shop", "vivo", 0, true)
	want[`recall_channel_held_apps{channel="vivo"}`] = "1"
	check(look(), want) // nothing counts twice
	if err := client.Abort(ctx, a.Recall, ""); err != nil {
		t.Fatal(err)
	}
	check(look(), map[string]string{
		"recall_ledger_recalls_running": "1", "recall_ledger_recalls_unsettled": "0", "recall_ledger_recall_completion_ratio": "1",
		"recall_ledger_recall_oldest_unsettled_seconds": "0", "recall_ledger_time_to_clear_seconds_count": "1",
	})
}

// TestDashboard: every metric that the dashboard and the alerts name is one that a
// node shows, and no file names none.
func TestDashboard(t *testing.T) {
	n, client := watched(t)
	ctx := context.Background()
	a := take(t, client, "p", "a", "stuck")
	if _, err := client.Recall(ctx, api.RecallRequest{Push: "p", Action: channels.Recall}, ""); err == nil {
		t.Fatal("a second recall was accepted")
	}
	if _, err := client.Publish(ctx, api.TypeNDJSON, strings.NewReader(`{"kind":"sung"}`)); err == nil {
		t.Fatal("a bad event was accepted")
	}
	named := map[string]bool{"up": false}
	for _, file := range []string{"../../deploy/grafana/dashboard.json", "../../deploy/prometheus/alerts.yaml"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, ".json") && !json.Valid(b) {
			t.Errorf("%s is not JSON", file)
		}
		before := len(named)
		for _, expr := range regexp.MustCompile(`(?m)"?expr"?: (.*)$`).FindAllStringSubmatch(string(b), -1) {
			found := regexp.MustCompile(`\brecall_[a-z_]+|\bup\b`).FindAllString(expr[1], -1)
			if len(found) == 0 {
				t.Errorf("%s: %s names no metric", file, expr[1])
			}
			for _, name := range found {
				named[name] = true
			}
		}
		if len(named) == before {
			t.Errorf("%s has no expression", file)
		}
	}
	delete(named, "up") // Prometheus' own
	// Calls are counted as they end, so the last of them may not be there at once.
	limit, look := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer look.Stop()
	for missing := slices.Sorted(maps.Keys(named)); len(missing) > 0; {
		if err := n.survey.look(ctx); err != nil {
			t.Fatal(err)
		}
		_, names := scrape(t, n)
		missing = slices.DeleteFunc(missing, func(name string) bool { return names[name] })
		select {
		case <-look.C:
		case <-limit:
			t.Fatalf("recall %s: the node never shows %v", a.Recall, missing)
		}
	}
}
