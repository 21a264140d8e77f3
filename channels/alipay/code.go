package alipay

import (
	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// meaning is what a code of Alipay means.
type meaning struct {
	verdict channels.Verdict
	reason  string
}

// Where the codes come from: the page of common codes as quoted in public source.
const page = "https://opendocs.alipay.com/common/02km9f"

// code is a row of the table of codes. A sub_code goes before the code that it
// refines; all others are the caller's mistake.
type code struct {
	name string
	meaning
	// says is the vendor's meaning in our words, and source where it stands.
	says, source string
}

func codes() []code {
	// The gateway says by these that an operator has something to mend.
	credentials := meaning{channels.Throttled, channels.ReasonCredentials}
	throttled := meaning{channels.Throttled, channels.ReasonThrottled}
	unknown := meaning{channels.Unknown, channels.ReasonNoAnswer + ":20000"}
	return []code{
		{"10000", meaning{channels.Accepted, ""}, "done", page},
		{"20000", unknown, "the service is not available; what became of the call is not known", page},
		{"20001", credentials, "the authorization of the account does not hold, or does not reach the call", page},
		{"40005", throttled, "too many calls", page},
		{"40006", credentials, "the application or the account may not use the call", page},
		{"isv.missing-signature-key", credentials, "no public key was given to Alipay", page},
		{"isv.missing-signature-config", credentials, "no public key of this kind was given to Alipay", page},
		{"isv.invalid-signature", credentials, "the signature does not fit the key that Alipay has", page},
		{"isv.invalid-app-id", credentials, "the application is not known here; sandbox and production are two", page},
		{"isv.forbidden-api", credentials, "the call is disabled", page},
		{"not-online-app", credentials, "the application is not online", page},
		{"app-cert-expired", credentials, "the application's certificate is over", page},
		{"invalid-auth-relations", credentials, "the account's authorization of the application does not hold", page},
	}
}

// meanings is the table with the operator's additions.
func meanings(s *call.Settings, u Unverified) map[string]meaning {
	all := map[string]meaning{}
	for _, c := range codes() {
		all[c.name] = c.meaning
	}
	call.Learn(s, all, call.Codes[string]{Already: u.AlreadyCodes, NotFound: u.NotFoundCodes, Expired: u.ExpiredCodes}, [3]meaning{
		{channels.Accepted, channels.ReasonAlready},
		{channels.Accepted, channels.ReasonNotFound},
		{channels.Refused, channels.ReasonExpired},
	})
	return all
}

// judge says what the codes of an answer mean. A success has no sub_code.
func (e *Emitter) judge(s said) meaning {
	name := s.Code
	if s.SubCode != "" && s.Code != done {
		name = s.SubCode
	}
	for _, n := range []string{name, s.Code} {
		if m, ok := e.meanings[n]; ok {
			return m
		}
	}
	return meaning{channels.Refused, call.Coded(channels.ReasonBadRequest, name)}
}
