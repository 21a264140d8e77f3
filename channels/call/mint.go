package call

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
)

// Ask sends a request for an access token. Its errors are TokenErrors.
func (c Client) Ask(ctx context.Context, r Request) (Answer, error) {
	a, err := c.Send(ctx, r)
	if err != nil {
		// Whether it arrived or not: no device was touched.
		return Answer{}, &TokenError{Reason: channels.ReasonUnreachable}
	}
	return a, nil
}

// NoToken is the error of an answer that gives no access token. The reason is that
// of the HTTP status; of a success that cannot be read it is no-answer.
func (a Answer) NoToken() error {
	e := &TokenError{Reason: channels.ReasonNoAnswer, RetryAfter: a.RetryAfter}
	if r := a.Refusal(); r.Verdict != "" {
		e.Reason = r.Reason
	}
	return e
}

// Denied is the error of an answer that denies an access token by the vendor's
// own code. known is what the code means for a call: what only time mends keeps
// its reason, and everything else that is wrong with a request for a token is
// wrong with the credentials.
func (a Answer) Denied(known Result, code string) error {
	e := &TokenError{Reason: known.Reason, RetryAfter: max(a.RetryAfter, known.RetryAfter)}
	if known.Verdict != channels.Throttled {
		e.Reason = Coded(channels.ReasonCredentials, code)
	}
	return e
}

// Granted is an access token that holds for a number of seconds from now. It
// reports whether it is one.
func (c Client) Granted(value string, seconds int64) (Token, bool) {
	if value == "" || seconds <= 0 {
		return Token{}, false
	}
	return Token{Value: value, Expires: c.Clock().Add(time.Duration(min(seconds, maxLife)) * time.Second)}, true
}

// Exchange gets an access token from an OAuth 2.0 token endpoint (RFC 6749,
// section 5). Its errors are TokenErrors: a status that is neither success nor the
// endpoint's own trouble is a wrong credential or a wrong address, and an operator
// can mend either.
func (c Client) Exchange(ctx context.Context, tokenURL string, form url.Values) (Token, error) {
	a, err := c.Ask(ctx, Request{URL: tokenURL, Type: TypeForm, Body: []byte(form.Encode())})
	if err != nil {
		return Token{}, err
	}
	switch {
	case a.Status == http.StatusTooManyRequests:
		return Token{}, &TokenError{Reason: channels.ReasonThrottled, RetryAfter: a.RetryAfter}
	case a.Status >= 500:
		return Token{}, &TokenError{Reason: channels.ReasonBusy, RetryAfter: a.RetryAfter}
	case a.Status != http.StatusOK:
		return Token{}, &TokenError{Reason: channels.ReasonCredentials}
	}
	var said struct {
		Token string `json:"access_token"`
		// Seconds is how long the token holds.
		Seconds int64 `json:"expires_in"`
	}
	if a.JSON(&said) {
		if t, ok := c.Granted(said.Token, said.Seconds); ok {
			return t, nil
		}
	}
	return Token{}, a.NoToken()
}

// ClientCredentials is the form of the OAuth 2.0 grant of that name (RFC 6749,
// section 4.4), with the client in the body.
func ClientCredentials(id, secret string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
}
