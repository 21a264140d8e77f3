package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
)

// previewAnswer is a preview with what only the matrix knows.
type previewAnswer struct {
	*decision.Preview
	// Seconds is how long the vendors' rates alone make the recall take; Paced
	// names the channels whose rate is known, the others are not in the figure.
	Seconds int64    `json:"estimate_seconds"`
	Paced   []string `json:"estimate_channels"`
	// Touched is how many devices a command would be issued for, those included
	// for which it ends as unsupported.
	Touched uint32 `json:"touched"`
	// Confirm is true when the push id must be typed.
	Confirm bool `json:"confirm"`
}

// order is what the page sends to recall a push.
type order struct {
	// Request is the API's request, as it is.
	Request json.RawMessage `json:"request"`
	// Shown is the preview the operator saw.
	Shown *decision.Preview `json:"shown"`
	// Confirm is the push id as the operator typed it.
	Confirm string `json:"confirm"`
}

// preview says what a recall would do.
func (h *Console) preview(w http.ResponseWriter, r *http.Request, rest string) {
	s, p := h.admit(r)
	if p != nil {
		p.write(w)
		return
	}
	var body json.RawMessage
	if p := readBody(w, r, &body); p != nil {
		p.write(w)
		return
	}
	app, _, ok := split(rest + "/")
	if !ok {
		noSuchPage().write(w)
		return
	}
	v, failed := h.look(r.Context(), s, app, body)
	if failed != nil {
		failed.replay(w)
		return
	}
	a := previewAnswer{Preview: v, Touched: touched(v), Confirm: touched(v) > h.c.ConfirmAbove}
	a.Seconds, a.Paced = estimate(v)
	writeJSON(w, a)
}

// look asks the API for a preview.
func (h *Console) look(ctx context.Context, s *session, app string, request json.RawMessage) (*decision.Preview, *capture) {
	a := h.ask(ctx, s, call{method: http.MethodPost, path: "/v1/preview", app: app, body: request})
	if a.status != http.StatusOK {
		return nil, a
	}
	v := &decision.Preview{}
	if err := json.Unmarshal(a.body.Bytes(), v); err != nil {
		return nil, lost()
	}
	return v, nil
}

func touched(v *decision.Preview) uint32 { return v.Total.Certain + v.Total.Possible }

// estimate is how long the vendors' own rates make a recall take, all channels
// working at the same time.
func estimate(v *decision.Preview) (seconds int64, paced []string) {
	paced = []string{}
	for _, c := range v.Channels {
		row, ok := channels.Lookup(channels.Native, c.Channel)
		if !ok || row.PerSecond <= 0 || c.Method == channels.None {
			continue
		}
		paced = append(paced, c.Channel)
		rate := int64(row.PerSecond) * int64(max(row.PerCall, 1))
		n := int64(c.Certain) + int64(c.Possible)
		seconds = max(seconds, (n+rate-1)/rate)
	}
	return seconds, paced
}

// recall orders a recall under the figures the operator saw. Where the API would
// refuse it, the API does so itself, so that the refusal is recorded, and a retry
// under the same idempotency key gets the first answer again (L6).
//
// Between the look at the figures and the decision some milliseconds pass, in
// which they can change without being noticed; the decision itself takes whoever
// holds the push then (L8).
func (h *Console) recall(w http.ResponseWriter, r *http.Request, rest string) {
	s, p := h.admit(r)
	if p != nil {
		p.write(w)
		return
	}
	var o order
	if p := readBody(w, r, &o); p != nil {
		p.write(w)
		return
	}
	key := r.Header.Get("Idempotency-Key")
	app, _, ok := split(rest + "/")
	switch {
	case !ok:
		noSuchPage().write(w)
		return
	case len(o.Request) == 0:
		badBody("request", "is missing").write(w)
		return
	case o.Shown == nil:
		badBody("shown", "is missing: a recall is ordered under a preview that was shown").write(w)
		return
	case key == "":
		badBody("Idempotency-Key", "is missing").write(w)
		return
	}
	v, failed := h.look(r.Context(), s, app, o.Request)
	if failed != nil {
		failed.replay(w)
		return
	}
	if p := h.check(v, &o); p != nil && v.Refusal == nil {
		p.write(w)
		return
	}
	h.ask(r.Context(), s, call{method: http.MethodPost, path: "/v1/recalls", app: app, body: o.Request, key: key}).replay(w)
}

// check reports why a recall is not ordered under the figures as they are now.
func (h *Console) check(now *decision.Preview, o *order) *problem {
	shown := o.Shown
	if shown.Push != now.Push || shown.Action != now.Action || shown.Scope != now.Scope {
		return badBody("shown", "is the preview of another recall")
	}
	if changed := h.changes(shown, now); len(changed) > 0 {
		return &problem{Title: "The figures have changed", Status: http.StatusConflict, Code: "preview-changed",
			Detail: "since the preview was shown, these figures changed by more than the tolerance: " + strings.Join(changed, "; "), Changed: changed, Preview: now}
	}
	if n := touched(now); n > h.c.ConfirmAbove && o.Confirm != now.Push {
		return &problem{Title: "Not confirmed", Status: http.StatusUnprocessableEntity, Code: "not-confirmed", Field: "confirm", Limit: int64(h.c.ConfirmAbove),
			Detail: fmt.Sprintf("the recall touches %d devices, more than %d: type the push id to confirm it", n, h.c.ConfirmAbove)}
	}
	return nil
}

// changes names the figures that differ beyond the tolerance, by channel, and the
// channels where another thing would be done.
func (h *Console) changes(shown, now *decision.Preview) []string {
	old := map[string]decision.PreviewChannel{}
	for _, c := range shown.Channels {
		old[c.Channel] = c
	}
	list := h.differences("all channels", shown.Total, now.Total)
	for _, c := range now.Channels {
		was := old[c.Channel]
		delete(old, c.Channel)
		list = append(list, h.differences(c.Channel, was.PreviewCounts, c.PreviewCounts)...)
		if was.Channel != "" && (was.Method != c.Method || was.Forced != c.Forced || was.WholeSends != c.WholeSends) {
			list = append(list, fmt.Sprintf("%s: %s, was %s", c.Channel, c.Method, was.Method))
		}
	}
	for _, c := range shown.Channels {
		if _, gone := old[c.Channel]; gone {
			list = append(list, h.differences(c.Channel, c.PreviewCounts, decision.PreviewCounts{})...)
		}
	}
	return list
}

// differences names the figures of one channel that differ. Who clicked is no
// figure that a recall does anything with.
func (h *Console) differences(where string, was, is decision.PreviewCounts) []string {
	var list []string
	for _, f := range []struct {
		name    string
		was, is uint32
	}{
		{"devices touched", was.Certain + was.Possible, is.Certain + is.Possible},
		{"vanish", was.Vanish, is.Vanish}, {"see a notice", was.Notice, is.Notice},
		{"withheld", was.Withheld, is.Withheld}, {"unreachable", was.Unreachable, is.Unreachable},
	} {
		if h.differs(f.was, f.is) {
			list = append(list, fmt.Sprintf("%s: %s %d, was %d", where, f.name, f.is, f.was))
		}
	}
	return list
}

func (h *Console) differs(was, is uint32) bool {
	d := max(was, is) - min(was, is)
	return d > h.c.Slack && float64(d) > h.c.Tolerance*float64(was)
}
