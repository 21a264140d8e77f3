package mpaas

import (
	"net/http"
	"strings"
)

// The gateway's codes: what is wrong before the business layer is asked.
// developer.aliyun.com/ask/278265, checked 2026-11-20; the rows marked "ours"
// are not on that page.
const (
	codeNotFound     = "InvalidApi.NotFound"
	codeMissing      = "Missing"
	codeKeyUnknown   = "InvalidAccessKeyId.NotFound"
	codeKeyInactive  = "InvalidAccessKeyId.Inactive"
	codeTimeFormat   = "InvalidTimeStamp.Format"
	codeTimeExpired  = "InvalidTimeStamp.Expired"
	codeNonceUsed    = "SignatureNonceUsed"
	codeFormat       = "InvalidParameter.Format"
	codeMethod       = "UnsupportedHTTPMethod"
	codeAlgorithm    = "InvalidSignatureMethod"
	codeSignature    = "SignatureDoesNotMatch"
	codeIncomplete   = "IncompleteSignature"
	codeBodyTooLarge = "RequestBodyTooLarge"
	codeInternal     = "InternalError"
	codeUnavailable  = "ServiceUnavailable"
	// codeThrottled is for everybody's requests together, codeThrottledUser for
	// those of one access key.
	codeThrottled     = "Throttling"
	codeThrottledUser = "Throttling.User"
)

// fault is an error of the gateway.
type fault struct {
	code    string
	status  int
	message string
}

// faults is the table behind the gateway's codes.
func faults() []fault {
	const signature = "Specified signature is not matched with our calculation."
	const throttled = "Request was denied due to user flow control."
	return []fault{
		{codeNotFound, http.StatusNotFound, "Specified api is not found, please check your url and method."},
		{codeKeyUnknown, http.StatusNotFound, "Specified access key is not found."},
		{codeKeyInactive, http.StatusBadRequest, "Specified access key is disabled."},
		{codeTimeFormat, http.StatusBadRequest, "Specified time stamp or date value is not well formatted."},
		{codeTimeExpired, http.StatusBadRequest, "Specified time stamp or date value is expired."},
		{codeNonceUsed, http.StatusBadRequest, "Specified signature nonce was used already."},
		{codeFormat, http.StatusBadRequest, "Specified parameter format is not valid."},
		// The page prints the signature's text for the method too.
		{codeMethod, http.StatusBadRequest, signature},
		{codeAlgorithm, http.StatusBadRequest, "Specified signature method is not valid."},
		{codeSignature, http.StatusBadRequest, signature},
		{codeThrottled, http.StatusBadRequest, throttled},
		{codeThrottledUser, http.StatusBadRequest, throttled},
		// help.aliyun.com/document_detail/51132.html, checked 2026-11-20.
		{codeIncomplete, http.StatusBadRequest, "The request signature does not conform to Aliyun standards."},
		// Ours: the vendor states no limit, and its general codes for its own
		// faults are not on the page.
		{codeBodyTooLarge, http.StatusRequestEntityTooLarge, "The request body is larger than the limit."},
		{codeInternal, http.StatusInternalServerError, "The request processing has failed due to some unknown error, exception or failure."},
		{codeUnavailable, http.StatusServiceUnavailable, "The request has failed due to a temporary failure of the server."},
	}
}

// fail returns the fault of a code.
func fail(code string) *fault {
	for _, f := range faults() {
		if f.code == code {
			return &f
		}
	}
	panic("mpaas: gateway code " + code + " is not in the table")
}

// missing is the fault of a parameter every request must have.
func missing(param string) *fault {
	return &fault{codeMissing + param, http.StatusBadRequest, param + " is mandatory for this action."}
}

// mismatch is the fault of a wrong signature. The vendor's own SDK reads what
// follows the prefix: when it equals what it signed it blames the secret.
func mismatch(toSign string) *fault {
	f := fail(codeSignature)
	if len(toSign) <= MaxEcho {
		f.message += " server string to sign is:" + strings.ToValidUTF8(toSign, "\uFFFD")
	}
	return f
}

// gatewayAnswer is the body of a gateway error.
type gatewayAnswer struct {
	RequestID string `json:"RequestId"`
	HostID    string `json:"HostId"`
	Code      string
	Message   string
	Recommend string
}
