package wecom

import (
	"strconv"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// meaning is what an errcode of WeCom means.
type meaning struct {
	verdict channels.Verdict
	reason  string
	// stale is true where another access token may be accepted.
	stale bool
}

// page is where the codes come from, as quoted in public source.
const page = "https://developer.work.weixin.qq.com/document/90000/90139/90313"

// code is a row of the table of codes. Of the codes that WeCom documents, here
// are those that a recall, a send of text or a token can get; the page lists some
// 400 more, all of which are the caller's mistake.
type code struct {
	number int
	meaning
	// says is the vendor's meaning in our words, and source where it stands.
	says, source string
}

func codes() []code {
	const credentials = channels.ReasonCredentials
	throttled := func(reason string) meaning { return meaning{verdict: channels.Throttled, reason: reason} }
	stale := meaning{verdict: channels.Throttled, reason: credentials, stale: true}
	return []code{
		{0, meaning{verdict: channels.Accepted}, "done", page},
		{-1, throttled(channels.ReasonBusy), "the system is busy; try again, at most three times", page},
		{40001, throttled(credentials), "the secret is not valid", page},
		{40013, throttled(credentials), "the corpid is not valid", page},
		{40014, stale, "the access token is not valid", page},
		{41001, throttled(credentials), "the access token is missing", page},
		{42001, stale, "the access token is over; get another", page},
		{45009, throttled(channels.ReasonThrottled), "too many calls; lifted after about a minute", page},
		{45033, throttled(channels.ReasonThrottled), "too many calls at once", page},
		{48002, throttled(credentials + ":48002"), "the application may not use the call", page},
		{50003, throttled(credentials + ":50003"), "the application is disabled", page},
		{60020, throttled(credentials + ":60020"), "the caller's address is not among those allowed", page},
	}
}

// meanings is the table with the operator's additions.
func meanings(s *call.Settings, u Unverified) map[int]meaning {
	all := map[int]meaning{}
	for _, c := range codes() {
		all[c.number] = c.meaning
	}
	call.Learn(s, all, call.Codes[int]{Already: u.AlreadyCodes, NotFound: u.NotFoundCodes, Expired: u.ExpiredCodes}, [3]meaning{
		{verdict: channels.Accepted, reason: channels.ReasonAlready},
		{verdict: channels.Accepted, reason: channels.ReasonNotFound},
		{verdict: channels.Refused, reason: channels.ReasonExpired},
	})
	return all
}

// judge says what an errcode means. One that nobody knows is refused: WeCom says
// that of all failures only -1 is worth another try.
func (e *Emitter) judge(errcode int) meaning {
	if m, ok := e.meanings[errcode]; ok {
		return m
	}
	return meaning{verdict: channels.Refused, reason: call.Coded(channels.ReasonBadRequest, strconv.Itoa(errcode))}
}
