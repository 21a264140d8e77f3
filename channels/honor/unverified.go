package honor

import (
	"strconv"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
)

// Everything here is unverified: Honor's table of codes, its limits and the
// meaning of the lists in an answer stand on pages that could not be read. Sends in
// Honor's sandbox, to a good token, one of an uninstalled app and one of another
// app, would verify it.
const (
	// success is the code of an answer that was quoted by a reseller.
	success = "200"
	// maxTTL is taken to be Huawei's longest, 15 days. One call is taken to carry
	// 1,000 tokens as Huawei's, more than a command has devices.
	maxTTL = 15 * 24 * time.Hour
)

// The lists of an answer: expireTokens is taken to be the dead tokens (so does
// public source), failTokens those that Honor failed to send to and that are worth
// another try.

// statusOf is the status of an answer. Since success is 200, another code of that
// kind in a body that came with a good status is taken for the true status.
func statusOf(status int, number string) int {
	if n, err := strconv.Atoi(number); err == nil && status < 300 && n >= 300 && n < 600 {
		return n
	}
	return status
}

// code is what one of Honor's codes means.
type code struct {
	code    string
	verdict channels.Verdict
	reason  string
	// stale is true where the access token is at fault, so that another helps.
	stale bool
	// meaning is the vendor's, in short.
	meaning string
}

// codes is the table of codes. It follows Huawei's codes of the same numbers, whose
// push service Honor's comes from (source: the page named in channels/huawei,
// checked 2026-11-20); 80300007 is read this way in public source. A refusal gets
// its code behind the reason.
func codes() []code {
	const (
		refused, throttled, unknown = channels.Refused, channels.Throttled, channels.Unknown
		request, credentials        = channels.ReasonBadRequest, channels.ReasonCredentials
	)
	return []code{
		{"80100001", refused, request, false, "a parameter is wrong"},
		{"80100003", refused, request, false, "the message's structure is wrong"},
		{"80100004", refused, channels.ReasonExpired, false, "the message's time is over"},
		{"80200001", throttled, credentials, true, "the access token is missing, wrong or another app's"},
		{"80200003", throttled, credentials, true, "the access token has expired"},
		{"80300002", throttled, credentials, false, "the app may not push"},
		{"80300007", refused, channels.ReasonAllTokensBad, false, "every token is invalid"},
		{"80300008", refused, channels.ReasonTooLarge, false, "the body is too large"},
		{"80300010", refused, request, false, "too many tokens"},
		{"80600003", throttled, credentials, false, "the OAuth service did not confirm the client"},
		{"81000001", unknown, channels.ReasonNoAnswer, false, "internal error"},
	}
}
