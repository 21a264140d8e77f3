package harmony

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

const (
	success    = "80000000"
	partlySent = "80100000"
	allIllegal = "80300007"
)

// code is what one of Push Kit's business codes means.
type code struct {
	code    string
	verdict channels.Verdict
	reason  string
	// stale is true where the signed token is at fault, so that another helps.
	stale bool
	// meaning is the vendor's, in short.
	meaning string
}

// codes is the table of business codes of both calls (see doc.go for the sources
// and the date they were checked), without those that tell tokens apart and those
// of test messages. A refusal gets its code behind the reason.
func codes() []code {
	const (
		refused, throttled, unknown = channels.Refused, channels.Throttled, channels.Unknown
		request, credentials        = channels.ReasonBadRequest, channels.ReasonCredentials
	)
	return []code{
		{"80000001", unknown, channels.ReasonNoAnswer, false, "internal error"},
		{"80100001", refused, request, false, "a parameter is wrong"},
		{"80100003", refused, request, false, "the body's structure is wrong"},
		{"80100004", refused, channels.ReasonExpired, false, "the message's time is over"},
		{"80200001", throttled, credentials, true, "the signed token is missing, wrong or another project's"},
		{"80200003", throttled, credentials, true, "the access token has expired"},
		{"80200005", throttled, credentials, true, "the signed token has expired"},
		{"80300002", throttled, credentials, false, "Push Kit is off, or the client id is not the app's"},
		{"80300008", refused, channels.ReasonTooLarge, false, "more than 4096 bytes besides the tokens"},
		{"80300010", refused, request, false, "no token, or more than 1,000"},
		{"80300017", refused, request, false, "the tokens belong to several apps"},
		{"80300028", refused, request, false, "a token is not of the client id's app"},
		{"80300032", refused, request, false, "no right to revoke, or the token or notifyId is missing"},
		{"80300036", throttled, credentials, true, "the signed token holds for more than a day"},
		{"80300037", refused, request, false, "the app is punished and may not push"},
		{"81000001", unknown, channels.ReasonNoAnswer, false, "internal error"},
	}
}

// causes are the documented causes for which a token is illegal; another one is
// not repeated in a reason.
func causes() []string {
	return []string{
		"noPushTypeRight", "noRight", "atomicUnableSendUnsubscribedMsg", "tokenFormatError", "countryNotSupport",
		"tokenPlatformNotSupport", "disableSendHuaweiMsgBecauseOfPenalty", "differentImgVerifyPolicy", "appinfoError",
		"notSupportPlayVoice", "noRightToSendThisLiveNotificationEvent",
	}
}

// illegal is the JSON inside the msg of an answer that tells tokens apart.
type illegal struct {
	Failure int                 `json:"failure"`
	Tokens  map[string][]string `json:"illegalTokens"` // by cause
}

// outcome is what an answer says of a whole call.
type outcome struct {
	verdict channels.Verdict
	reason  string
	stale   bool
	// illegal is what a partial success says of single tokens, nil for none.
	illegal *illegal
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
	case known && (said.Code == partlySent || said.Code == partlyRevoked):
		return readPartial(said.Msg)
	case known && said.Code == allIllegal:
		return outcome{verdict: channels.Refused, reason: channels.ReasonAllTokensBad + why(said.Msg)}
	case known && said.Code == success && refusal.Verdict == "":
		return outcome{verdict: channels.Accepted}
	case known:
		if o, ok := lookup(said.Code); ok {
			return o
		}
		if refusal.Verdict == "" {
			// Every code but success is a failure; this one is not on the pages.
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

// why is the one cause for which every token of a call is illegal, behind a colon:
// it tells an operator what is wrong with the app. "" where there are several.
func why(msg string) string {
	var p illegal
	if json.Unmarshal([]byte(msg), &p) != nil || len(p.Tokens) != 1 {
		return ""
	}
	for cause := range p.Tokens {
		if slices.Contains(causes(), cause) {
			return ":" + cause
		}
	}
	return ""
}

// readPartial reads which tokens of a call failed. Where that cannot be read some
// devices were reached, and it is not known which.
func readPartial(msg string) outcome {
	var p illegal
	if json.Unmarshal([]byte(msg), &p) != nil || len(p.Tokens) == 0 {
		return outcome{verdict: channels.Unknown, reason: channels.ReasonNoAnswer}
	}
	return outcome{illegal: &p}
}

// reply gives every device its part of an outcome.
func (o outcome) reply(c channels.Command) channels.Reply {
	if o.illegal == nil {
		return channels.All(c, o.verdict, o.reason)
	}
	named := map[string]call.Result{}
	for cause, tokens := range o.illegal.Tokens {
		r := call.Result{Verdict: channels.Refused, Reason: channels.ReasonBadRequest}
		switch {
		case cause == deadCause:
			r.Reason = channels.ReasonDeadToken
		case slices.Contains(causes(), cause):
			r = r.Coded(cause)
		}
		for _, t := range tokens {
			named[t] = r
		}
	}
	return call.Named(c, call.Result{Verdict: channels.Accepted}, named, o.illegal.Failure)
}
