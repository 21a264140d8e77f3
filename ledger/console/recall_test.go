package console_test

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/projections"
)

// shown is what a page sends back of a preview, changed by change.
func shown(t *testing.T, body string, change func(*decision.Preview)) string {
	t.Helper()
	var v decision.Preview
	if err := json.Unmarshal([]byte(body), &v); err != nil || v.Push == "" {
		t.Fatalf("no preview: %v %s", err, body)
	}
	if change != nil {
		change(&v)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (s *stage) order(request, shown, confirm, key string) answered {
	s.t.Helper()
	return s.ask("POST", "/console/recall/shop", `{"request":`+request+`,"shown":`+shown+`,"confirm":`+quoted(confirm)+`}`, "Idempotency-Key", key)
}

func TestPreview(t *testing.T) {
	s := newStage(t, nil)
	s.fill()
	a := s.ask("POST", "/console/preview/shop", `{"push":"flash-sale","action":"recall"}`)
	var v struct {
		decision.Preview
		Seconds int64    `json:"estimate_seconds"`
		Paced   []string `json:"estimate_channels"`
		Touched uint32
		Confirm bool
	}
	if err := json.Unmarshal([]byte(a.body), &v); err != nil || a.status != 200 {
		t.Fatal(a.status, a.body, err)
	}
	if v.Touched != 11073 || v.Touched != v.Total.Vanish+v.Total.Notice+v.Total.Unreachable || !v.Confirm || v.Total.Clicked != 927 {
		t.Errorf("%+v", v)
	}
	// fcm is the only one of these channels with a rate that is known.
	if len(v.Paced) != 1 || v.Paced[0] != "fcm" || v.Seconds != 1 {
		t.Errorf("%d s for %v", v.Seconds, v.Paced)
	}
	for body, status := range map[string]int{`{"push":"none","action":"recall"}`: 404, `{"push":"flash-sale","action":"burn"}`: 400, `{"push":"flash-sale","Push":"x","action":"recall"}`: 400, `{`: 400, ``: 415} {
		if a := s.ask("POST", "/console/preview/shop", body); a.status != status {
			t.Errorf("preview of %s: %d, want %d: %s", body, a.status, status, a.body)
		}
	}
}

// TestRecallUnderShownFigures: a recall is ordered under the figures that were
// shown, or not at all.
func TestRecallUnderShownFigures(t *testing.T) {
	s := newStage(t, nil)
	s.fill()
	request := `{"push":"flash-sale","action":"recall","reason":"r"}`
	v := s.ask("POST", "/console/preview/shop", request).body
	right := shown(t, v, nil)
	for _, c := range []struct {
		name, shown, confirm, key string
		status                    int
		code, says                string
	}{
		{"not confirmed", right, "", "k", 422, "not-confirmed", "more than 1000"},
		{"confirmed wrongly", right, "Flash-sale", "k", 422, "not-confirmed", "type the push id"},
		{"no key", right, "flash-sale", "", 400, "bad-request", "is missing"},
		{"nothing shown", "null", "flash-sale", "k", 400, "bad-request", "preview"},
		{"another push shown", shown(t, v, func(p *decision.Preview) { p.Push = "weekly-digest" }), "flash-sale", "k", 400, "bad-request", "another recall"},
		{"another action shown", shown(t, v, func(p *decision.Preview) { p.Action = "terminate" }), "flash-sale", "k", 400, "bad-request", "another recall"},
		{"more vanish now", shown(t, v, func(p *decision.Preview) { p.Total.Vanish -= 1000 }), "flash-sale", "k", 409, "preview-changed", "all channels: vanish 5835, was 4835"},
		{"one channel has more now", shown(t, v, func(p *decision.Preview) { p.Channels[0].Certain -= 1000 }), "flash-sale", "k", 409, "preview-changed", "apns: devices touched 3713, was 2713"},
		{"a channel was not shown", shown(t, v, func(p *decision.Preview) { p.Channels = p.Channels[1:] }), "flash-sale", "k", 409, "preview-changed", "apns: devices touched 3713, was 0"},
		{"a channel is gone", shown(t, v, func(p *decision.Preview) {
			gone := p.Channels[0]
			gone.Channel = "oppo"
			p.Channels = append(p.Channels, gone)
		}), "flash-sale", "k", 409, "preview-changed", "oppo: devices touched 0, was 3713"},
		{"another method", shown(t, v, func(p *decision.Preview) { p.Channels[0].Method = "overwrite" }), "flash-sale", "k", 409, "preview-changed", "apns: remove, was overwrite"},
	} {
		a := s.order(request, c.shown, c.confirm, c.key)
		p := a.problem(t)
		if a.status != c.status || p.Code != c.code || !strings.Contains(p.Detail, c.says) {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		}
		if c.status == http.StatusConflict && (len(p.Changed) == 0 || !strings.Contains(string(p.Preview), `"vanish":5835`)) {
			t.Errorf("%s: the new figures are not answered: %s", c.name, a.body)
		}
	}
	if list, err := s.client().Recalls(t.Context(), api.ListOptions{}); err != nil || len(list.Recalls) != 1 {
		t.Fatalf("refused orders left %d recalls, %v", len(list.Recalls), err)
	}
	// What changed within the tolerance does not matter, and a second press of the
	// button gets the first answer again (L6).
	near := shown(t, v, func(p *decision.Preview) { p.Total.Vanish -= 90; p.Channels[0].Certain -= 90 })
	first := s.order(request, near, "flash-sale", "k")
	again := s.order(request, near, "flash-sale", "k")
	if first.status != http.StatusAccepted || again.status != http.StatusAccepted || first.body != again.body || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%d %s\nagain %d %s", first.status, first.body, again.status, again.body)
	}
	if other := s.order(request, near, "flash-sale", "k2"); other.status != http.StatusConflict || other.problem(t).Code != "already-recalled" {
		t.Errorf("a second recall: %d %s", other.status, other.body)
	}
}

// TestWholeSends: a push on a channel that takes back whole sends is not recalled
// until it is said what to do about that.
func TestWholeSends(t *testing.T) {
	s := newStage(t, nil)
	var l lines
	now := time.Now()
	l.event("push.created", "memo", now, created{"title": "Memo", "slot": "m", "audience": map[string]any{"kind": "all"}})
	l.event("push.sent", "memo", now, map[string]any{"channel": "wecom", "devices": []string{"a", "b"}, "send": "msg-1"})
	l.event("click.clicked", "memo", now, map[string]any{"channel": "wecom", "devices": []string{"b"}})
	s.publish(&l)
	request := `{"push":"memo","action":"recall","reason":"r"}`
	v := s.ask("POST", "/console/preview/shop", request).body
	if a := s.order(request, shown(t, v, nil), "", "k1"); a.status != 422 || a.problem(t).Code != "whole-sends" {
		t.Errorf("nothing said: %d %s", a.status, a.body)
	}
	accepted := `{"push":"memo","action":"recall","reason":"r","whole_sends":true}`
	if a := s.order(accepted, shown(t, v, nil), "", "k2"); a.status != 409 || a.problem(t).Code != "preview-changed" {
		t.Errorf("whole sends under a preview without them: %d %s", a.status, a.body)
	}
	v = s.ask("POST", "/console/preview/shop", accepted).body
	if a := s.order(accepted, shown(t, v, nil), "", "k3"); a.status != http.StatusAccepted {
		t.Errorf("accepted: %d %s", a.status, a.body)
	}
}

func TestReport(t *testing.T) {
	s := newStage(t, nil)
	var l lines
	odd := []string{"plain", `=HYPERLINK("http://x")`, "+1", "-1", "@a", `with "quotes", and commas`, "ünï"}
	l.event("push.created", "p", time.Now(), created{"title": "t", "slot": "7", "audience": map[string]any{"kind": "all"}})
	l.event("display.shown", "p", time.Now(), map[string]any{"channel": "sms", "devices": odd})
	s.publish(&l)
	r, err := s.client().Recall(t.Context(), api.RecallRequest{Push: "p", Action: "recall"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.client().Watch(t.Context(), r.Recall, "settled", func(projections.Recall) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for form, kind := range map[string]string{"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson", "json": "application/json"} {
		a := s.ask("GET", "/console/report/shop/"+r.Recall+"."+form, "")
		if a.status != 200 || a.header.Get("Content-Type") != kind || a.header.Get("Content-Disposition") != `attachment; filename="recall-`+r.Recall+`.`+form+`"` {
			t.Errorf("%s: %d %v", form, a.status, a.header)
		}
		switch form {
		case "json":
			if !json.Valid([]byte(a.body)) || !strings.Contains(a.body, `"settled":true`) {
				t.Errorf("%s", a.body)
			}
		case "ndjson":
			if strings.Count(a.body, "\n") != len(odd) || !strings.Contains(a.body, `"device":"+1"`) {
				t.Errorf("%s", a.body)
			}
		case "csv":
			rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
			if err != nil || len(rows) != len(odd)+1 {
				t.Fatalf("%v: %s", err, a.body)
			}
			for i, row := range rows[1:] {
				want := odd[i]
				if strings.ContainsAny(want[:1], "=+-@") {
					want = "'" + want // a spreadsheet would run it
				}
				if row[0] != "sms" || row[1] != want || row[2] != "shown" || row[4] != "true" || row[5] != "unsupported" {
					t.Errorf("row %q, want device %q", row, want)
				}
			}
		}
	}
	for _, path := range []string{"/console/report/shop/none.csv", "/console/report/shop/" + r.Recall + ".exe", "/console/report/other/" + r.Recall + ".csv"} {
		if a := s.ask("GET", path, ""); a.status != 404 || a.header.Get("Content-Disposition") != "" || !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s: %d %v %s", path, a.status, a.header, a.body)
		}
	}
}
