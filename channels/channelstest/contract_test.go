package channelstest

import (
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
)

func TestFitsFindsBrokenReplies(t *testing.T) {
	h := Harness{}
	h.setDefaults()
	c := h.command(channels.Recall, channels.Overwrite, "p1", 3)
	for name, harm := range map[string]func(r *channels.Reply){
		"result missing":    func(r *channels.Reply) { r.Results = r.Results[1:] },
		"order":             func(r *channels.Reply) { r.Results[0], r.Results[1] = r.Results[1], r.Results[0] },
		"unknown verdict":   func(r *channels.Reply) { r.Results[2].Verdict = "fine" },
		"no verdict":        func(r *channels.Reply) { r.Results[2].Verdict = "" },
		"token in reason":   func(r *channels.Reply) { r.Results[0].Reason = "bad token " + c.Devices[0] },
		"payload in reason": func(r *channels.Reply) { r.Results[0].Reason = c.Body },
		"long reason":       func(r *channels.Reply) { r.Results[0].Reason = string(make([]byte, 300)) },
		"negative wait":     func(r *channels.Reply) { r.RetryAfter = -time.Second },
	} {
		r := channels.All(c, channels.Accepted, "")
		if err := h.fits(c, r); err != nil {
			t.Fatalf("a good reply: %v", err)
		}
		harm(&r)
		if h.fits(c, r) == nil {
			t.Errorf("%s: not found", name)
		}
	}
}
