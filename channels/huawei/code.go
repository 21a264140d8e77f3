package huawei

import (
	"encoding/json"
	"net/http"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

const (
	success = "80000000"
	partial = "80100000"
)

// code is what one of Huawei's business codes means.
type code struct {
	code    string
	verdict channels.Verdict
	reason  string
	// stale is true where the access token is at fault, so that another helps.
	stale bool
	// meaning is the vendor's, in short.
	meaning string
}

// codes is the table of business codes of the page of the send call (see doc.go
// for the source and the date it was checked), without those that a send to
// tokens cannot cause. A refusal gets its code behind the reason.
func codes() []code {
	const (
		refused, throttled, unknown = channels.Refused, channels.Throttled, channels.Unknown
		request, credentials        = channels.ReasonBadRequest, channels.ReasonCredentials
	)
	return []code{
		{"80100001", refused, request, false, "a parameter is wrong"},
		{"80100003", refused, request, false, "the message's structure is wrong"},
		{"80100004", refused, channels.ReasonExpired, false, "the message's time is over"},
		{"80100016", refused, request, false, "the text holds sensitive words"},
		{"80100018", refused, request, false, "the text is not the one that was reviewed"},
		{"80200001", throttled, credentials, true, "the access token is missing, wrong or another app's"},
		{"80200003", throttled, credentials, true, "the access token has expired"},
		{"80200005", throttled, credentials, true, "the signed token has expired"},
		{"80300002", throttled, credentials, false, "Push Kit is off for the app, or the app id is another app's"},
		{"80300007", refused, channels.ReasonAllTokensBad, false, "every token is invalid, or the app id is another app's"},
		{"80300008", refused, channels.ReasonTooLarge, false, "more than 4096 bytes besides the tokens"},
		{"80300010", refused, request, false, "more than 1,000 tokens"},
		{"80300011", refused, request, false, "no right to urgent messages"},
		{"80300013", refused, request, false, "the receipt address is wrong"},
		{"80600003", throttled, credentials, false, "the OAuth service did not confirm the client"},
		{"81000001", unknown, channels.ReasonNoAnswer, false, "internal error"},
	}
}

// outcome is what an answer says of a whole call.
type outcome struct {
	verdict channels.Verdict
	reason  string
	stale   bool
	// illegal is what a partial success says of single tokens, nil for none.
	illegal *illegal
}

// illegal is the JSON inside the msg of a partial success.
type illegal struct {
	Success int      `json:"success"`
	Failure int      `json:"failure"`
	Tokens  []string `json:"illegal_tokens"`
}

// read says what came of a call. The business code is asked before the status,
// except that 503 is flow control whatever the body says.
func read(a call.Answer) outcome {
	if a.Status == http.StatusServiceUnavailable {
		return outcome{verdict: channels.Throttled, reason: channels.ReasonThrottled}
	}
	var said struct {
		Code string `json:"code"`
		Msg  string `json:"msg"`
	}
	known := a.JSON(&said) && said.Code != ""
	refusal := a.Refusal()
	switch {
	case known && said.Code == partial:
		return readPartial(said.Msg)
	case known && said.Code == success && refusal.Verdict == "":
		return outcome{verdict: channels.Accepted}
	case known:
		if o, ok := lookup(said.Code); ok {
			return o
		}
		if refusal.Verdict == "" {
			// Every code but success is a failure; this one is not on the page.
			return outcome{verdict: channels.Refused, reason: channels.ReasonBadRequest}
		}
	case refusal.Verdict == "":
		return outcome{verdict: channels.Unknown, reason: channels.ReasonNoAnswer}
	}
	return outcome{verdict: refusal.Verdict, reason: refusal.Reason, stale: a.Status == http.StatusUnauthorized}
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

// readPartial reads which tokens of a call failed. Where that cannot be read some
// devices were reached, and it is not known which.
func readPartial(msg string) outcome {
	var p illegal
	if json.Unmarshal([]byte(msg), &p) != nil || len(p.Tokens) == 0 {
		return outcome{verdict: channels.Unknown, reason: channels.ReasonNoAnswer}
	}
	if p.Success == 0 {
		return outcome{verdict: channels.Refused, reason: channels.ReasonAllTokensBad}
	}
	return outcome{illegal: &p}
}

// reply gives every device its part of an outcome.
func (o outcome) reply(c channels.Command) channels.Reply {
	if o.illegal == nil {
		return channels.All(c, o.verdict, o.reason)
	}
	named := make(map[string]call.Result, len(o.illegal.Tokens))
	for _, t := range o.illegal.Tokens {
		named[t] = call.Result{Verdict: channels.Refused, Reason: channels.ReasonDeadToken}
	}
	return call.Named(c, call.Result{Verdict: channels.Accepted}, named, o.illegal.Failure)
}
