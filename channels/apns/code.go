package apns

import (
	"net/http"
	"sync"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// code is one of the reasons Apple gives, and what it means for a command.
type code struct {
	verdict channels.Verdict
	reason  string
	// stale is true where another provider token may help.
	stale bool
	// meaning is Apple's, in a few words.
	meaning string
}

// codes is Apple's table of reasons: handling-notification-responses-from-apns, as
// copied by github.com/sideshow/apns2 (checked 2026-11-20). A reason that is not
// here is judged by its HTTP status.
//
// BadDeviceToken and DeviceTokenNotForTopic also come for every good token when the
// host or the topic is another one than the app's, so they do not call it dead; who
// puts the setting right can re-drive what was refused.
var codes = sync.OnceValue(func() map[string]code {
	bug := func(name, meaning string) code {
		return code{verdict: channels.Refused, reason: channels.ReasonBadRequest + ":" + name, meaning: meaning}
	}
	credentials := func(meaning string) code {
		return code{verdict: channels.Throttled, reason: channels.ReasonCredentials, meaning: meaning}
	}
	provider := func(meaning string) code {
		c := credentials(meaning)
		c.stale = true
		return c
	}
	return map[string]code{
		"Unregistered": {verdict: channels.Refused, reason: channels.ReasonDeadToken, meaning: "the app was removed from the device"},
		"ExpiredToken": {verdict: channels.Refused, reason: channels.ReasonDeadToken, meaning: "the device token has expired"},

		"BadDeviceToken":         bug("BadDeviceToken", "a token of the other environment, or none at all"),
		"DeviceTokenNotForTopic": bug("DeviceTokenNotForTopic", "a token of another app"),
		"BadCollapseId":          bug("BadCollapseId", "the slot is longer than 64 bytes"),
		"BadExpirationDate":      bug("BadExpirationDate", "apns-expiration is wrong"),
		"BadMessageId":           bug("BadMessageId", "apns-id is wrong"),
		"BadPriority":            bug("BadPriority", "apns-priority is wrong, or not 5 for a background push"),
		"DuplicateHeaders":       bug("DuplicateHeaders", "a header came twice"),
		"InvalidPushType":        bug("InvalidPushType", "apns-push-type is wrong"),
		"PayloadEmpty":           bug("PayloadEmpty", "there is no payload"),
		"MissingDeviceToken":     bug("MissingDeviceToken", "the path has no token"),
		"BadPath":                bug("BadPath", "the path is wrong"),
		"MethodNotAllowed":       bug("MethodNotAllowed", "the method is not POST"),
		"PayloadTooLarge":        {verdict: channels.Refused, reason: channels.ReasonTooLarge, meaning: "the payload is too long"},

		// The topic is a setting: an operator can mend it before the window closes.
		"BadTopic":        credentials("the topic is wrong"),
		"MissingTopic":    credentials("the topic is missing"),
		"TopicDisallowed": credentials("the key may not push to the topic"),

		"BadCertificate":            credentials("the client certificate is bad"),
		"BadCertificateEnvironment": credentials("the client certificate is for the other environment"),
		"Forbidden":                 credentials("the action is not allowed"),
		"ExpiredProviderToken":      provider("the provider token is older than an hour"),
		"InvalidProviderToken":      provider("the provider token is wrong, or its signature"),
		"MissingProviderToken":      provider("there is no provider token"),

		"IdleTimeout":                 {verdict: channels.Throttled, reason: channels.ReasonBusy, meaning: "the connection was idle for too long"},
		"TooManyRequests":             {verdict: channels.Throttled, reason: channels.ReasonThrottled, meaning: "too many pushes to the device"},
		"TooManyProviderTokenUpdates": {verdict: channels.Throttled, reason: channels.ReasonThrottled, meaning: "more than one new provider token in 20 minutes"},
		"InternalServerError":         {verdict: channels.Unknown, reason: channels.ReasonNoAnswer, meaning: "Apple failed, perhaps after taking the push"},
		"ServiceUnavailable":          {verdict: channels.Throttled, reason: channels.ReasonBusy, meaning: "Apple is busy"},
		"Shutdown":                    {verdict: channels.Throttled, reason: channels.ReasonBusy, meaning: "Apple's server is going away"},
	}
})

// judge says what an answer means.
func judge(a call.Answer) (call.Result, bool) {
	if a.Status == http.StatusOK && a.Header.Get("apns-id") != "" {
		return call.Result{Verdict: channels.Accepted}, false
	}
	if a.Status < 300 {
		// Something else than APNs answers 200 as well.
		return call.NoAnswer(), false
	}
	var said struct {
		Reason string `json:"reason"`
	}
	r := a.Refusal()
	// An answer that is no JSON is not Apple's: its status alone speaks.
	if !a.JSON(&said) {
		return r, false
	}
	c, known := codes()[said.Reason]
	if known {
		r.Verdict, r.Reason = c.verdict, c.reason
	}
	return r, c.stale
}
