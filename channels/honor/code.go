package honor

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// lists is the data of an answer.
type lists struct {
	Sent    bool     `json:"sendResult"`
	Failed  []string `json:"failTokens"`
	Expired []string `json:"expireTokens"`
}

// outcome is what an answer says of a whole call.
type outcome struct {
	verdict channels.Verdict
	reason  string
	stale   bool
	// lists is what a success says of single tokens, nil for another answer.
	lists *lists
}

// read says what came of a call. The code is asked before the status, except that
// 503 means that nothing was done whatever the body says.
func read(a call.Answer) outcome {
	var said struct {
		// Code is a number in the quoted answer; public source has it as text too.
		Code json.RawMessage `json:"code"`
		Data *lists          `json:"data"`
	}
	// The answer may be anything: an unreadable one leaves the code empty.
	_ = a.JSON(&said)
	number := strings.Trim(string(said.Code), `"`)
	a.Status = statusOf(a.Status, number)
	refusal := a.Refusal()
	byStatus := outcome{verdict: refusal.Verdict, reason: refusal.Reason, stale: a.Status == http.StatusUnauthorized}
	if a.Status == http.StatusServiceUnavailable {
		return byStatus
	}
	switch o, ok := lookup(number); {
	case ok:
		return o
	case refusal.Verdict != "":
		return byStatus
	case number == success && said.Data != nil:
		return outcome{lists: said.Data}
	case number == "", number == "null", number == success:
		return outcome{verdict: channels.Unknown, reason: channels.ReasonNoAnswer}
	}
	// Every code but success is taken for a failure; this one is not in the table.
	return outcome{verdict: channels.Refused, reason: channels.ReasonBadRequest}
}

func lookup(s string) (outcome, bool) {
	for _, c := range codes() {
		if c.code == s {
			o := outcome{verdict: c.verdict, reason: c.reason, stale: c.stale}
			if c.reason == channels.ReasonBadRequest {
				o.reason += ":" + c.code
			}
			return o, true
		}
	}
	return outcome{}, false
}

// reply gives every device its part of an outcome.
func (o outcome) reply(c channels.Command) channels.Reply {
	if o.lists == nil {
		return channels.All(c, o.verdict, o.reason)
	}
	rest := call.Result{Verdict: channels.Accepted}
	if !o.lists.Sent {
		// It was not sent, or not to all: nothing is known of those not named.
		rest = call.NoAnswer()
	}
	named := map[string]call.Result{}
	for _, t := range o.lists.Failed {
		named[t] = call.Result{Verdict: channels.Throttled, Reason: channels.ReasonBusy}
	}
	for _, t := range o.lists.Expired {
		named[t] = call.Result{Verdict: channels.Refused, Reason: channels.ReasonDeadToken}
	}
	return call.Named(c, rest, named, 0)
}
