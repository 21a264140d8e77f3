package dingtalk

import (
	"strconv"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// meaning is what a code of DingTalk means.
type meaning struct {
	verdict channels.Verdict
	reason  string
	// stale is true where another access token may be accepted.
	stale bool
}

// Where the codes come from, as quoted in public source. seen is for codes that
// stand on no page: the API was seen to answer them.
const (
	pageCodes  = "the vendor's page of global error codes"
	pageLimits = "the vendor's page of rate limits"
	seen       = "answers of the API"
)

// code is a row of the table of codes: those that a recall, a send or a token can
// get. All others are the caller's mistake.
type code struct {
	name string
	meaning
	// says is the vendor's meaning in our words, and source where it stands.
	says, source string
}

func codes() []code {
	const credentials = channels.ReasonCredentials
	throttled := func(reason string) meaning { return meaning{verdict: channels.Throttled, reason: reason} }
	stale := meaning{verdict: channels.Throttled, reason: credentials, stale: true}
	all := []code{
		{"0", meaning{verdict: channels.Accepted}, "done", pageCodes},
		{"-1", throttled(channels.ReasonBusy), "the system is busy; try again, at most three times", pageCodes},
		{"88", throttled(credentials), "not authorized; the sub_code says why, if there is one", pageCodes},
		{"33001", throttled(credentials), "the company's id is not valid", pageCodes},
		{"40000", throttled(credentials), "the access token is blank", seen},
		{"40001", stale, "the secret or the access token is not valid", pageCodes},
		{"40014", stale, "the access token is not valid", pageCodes},
		{"40089", throttled(credentials), "the key or the secret is not valid", pageCodes},
		{"40096", throttled(credentials), "the app key or the app secret is not valid", seen},
		{"41001", throttled(credentials), "the access token is missing", pageCodes},
		{"42001", stale, "the access token is over", pageCodes},
		{"60011", throttled(credentials + ":60011"), "the application may not use the call", pageCodes},
		{"60020", throttled(credentials + ":60020"), "the caller's address is not among those allowed", pageCodes},
		{"90018", throttled(channels.ReasonThrottled), "too many calls a second by this application", pageLimits},
	}
	// By server, call, company, application, and combinations of these.
	for n := 90001; n <= 90014; n++ {
		all = append(all, code{strconv.Itoa(n), throttled(channels.ReasonThrottled), "too many calls; barred for a while", pageLimits})
	}
	return all
}

// meanings is the table with the operator's additions.
func meanings(s *call.Settings, u Unverified) map[string]meaning {
	all := map[string]meaning{}
	for _, c := range codes() {
		all[c.name] = c.meaning
	}
	call.Learn(s, all, call.Codes[string]{Already: u.AlreadyCodes, NotFound: u.NotFoundCodes, Expired: u.ExpiredCodes}, [3]meaning{
		{verdict: channels.Accepted, reason: channels.ReasonAlready},
		{verdict: channels.Accepted, reason: channels.ReasonNotFound},
		{verdict: channels.Refused, reason: channels.ReasonExpired},
	})
	return all
}

// judge says what a code means. One that nobody knows is refused: of all failures
// DingTalk calls only -1 and the limits worth another try.
func (e *Emitter) judge(name string) meaning {
	if m, ok := e.meanings[name]; ok {
		return m
	}
	return meaning{verdict: channels.Refused, reason: call.Coded(channels.ReasonBadRequest, name)}
}
