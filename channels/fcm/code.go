package fcm

import (
	"sync"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// code is one of FCM's error codes, and what it means for a command.
type code struct {
	verdict channels.Verdict
	reason  string
	// stale is true where another access token may help.
	stale bool
	// meaning is FCM's, in a few words.
	meaning string
}

// codes is FCM's table: the names from firebase.google.com/go/v4, messaging.go; 400
// and 429 documented at .../docs/reference/fcm/rest/v1/ErrorCode, the HTTP statuses
// of the others unverified, so a code counts whatever status it comes with (checked
// 2026-11-20). The last two are statuses of Google's gateway, which answers before
// FCM does. A code that is not here is judged by its HTTP status.
//
// SENDER_ID_MISMATCH also comes for every good token when the project is another one
// than the app's, so it does not call the token dead.
var codes = sync.OnceValue(func() map[string]code {
	credentials := func(meaning string, stale bool) code {
		return code{channels.Throttled, channels.ReasonCredentials, stale, meaning}
	}
	return map[string]code{
		"UNREGISTERED":           {channels.Refused, channels.ReasonDeadToken, false, "the app was removed, or the token replaced"},
		"INVALID_ARGUMENT":       {channels.Refused, channels.ReasonBadRequest + ":INVALID_ARGUMENT", false, "the message or the token has a wrong form"},
		"SENDER_ID_MISMATCH":     {channels.Refused, channels.ReasonBadRequest + ":SENDER_ID_MISMATCH", false, "the token belongs to another project"},
		"QUOTA_EXCEEDED":         {channels.Throttled, channels.ReasonThrottled, false, "too many messages to the device or of the project"},
		"UNAVAILABLE":            {channels.Throttled, channels.ReasonBusy, false, "FCM is busy"},
		"INTERNAL":               {channels.Unknown, channels.ReasonNoAnswer, false, "FCM failed, perhaps after taking the message"},
		"THIRD_PARTY_AUTH_ERROR": credentials("the project's key for Apple or Web Push is wrong", false),
		"UNAUTHENTICATED":        credentials("the access token is missing, wrong or expired", true),
		"PERMISSION_DENIED":      credentials("the service account may not send for the project", false),
	}
})

// tokenField is how FCM names the device token among what it finds wrong.
const tokenField = "message.token"

// failure is FCM's answer to a message it does not take.
type failure struct {
	Error struct {
		Status  string `json:"status"`
		Details []struct {
			Code       string `json:"errorCode"`
			Violations []struct {
				Field string `json:"field"`
			} `json:"fieldViolations"`
		} `json:"details"`
	} `json:"error"`
}

// code returns FCM's own code, or else the gateway's status, and whether it is the
// token that has a wrong form.
func (f failure) code() (name string, token bool) {
	name = f.Error.Status
	for _, d := range f.Error.Details {
		if d.Code != "" {
			name = d.Code
		}
		for _, v := range d.Violations {
			token = token || v.Field == tokenField
		}
	}
	return name, token
}

// judge says what an answer means, and whether the access token was rejected.
func judge(a call.Answer) (call.Result, bool) {
	if a.Status < 300 {
		var said struct {
			Name string `json:"name"`
		}
		// Something else than FCM answers 200 as well; FCM names the message.
		if !a.JSON(&said) || said.Name == "" {
			return call.NoAnswer(), false
		}
		return call.Result{Verdict: channels.Accepted}, false
	}
	r := a.Refusal()
	var f failure
	// An answer that is no JSON is not FCM's: its status alone speaks.
	if !a.JSON(&f) {
		return r, false
	}
	name, token := f.code()
	c, known := codes()[name]
	if known {
		r.Verdict, r.Reason = c.verdict, c.reason
	}
	if token && name == "INVALID_ARGUMENT" {
		r.Reason = channels.ReasonBadRequest + ":" + tokenField
	}
	return r, c.stale
}
