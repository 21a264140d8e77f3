package call

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
)

// maxLife bounds what is believed of an access token's life, in seconds: a wrong
// number must not keep a token for ever.
const maxLife = 24 * 60 * 60

// TokenError is why there is no access token. No device was touched, so whatever
// it is, the call may be tried again.
type TokenError struct {
	Reason     string
	RetryAfter time.Duration
}

func (e *TokenError) Error() string { return "no access token: " + e.Reason }

// Untouched is the result of a call for which there is no token.
func Untouched(err error) Result {
	r := Result{Verdict: channels.Throttled, Reason: channels.ReasonUnreachable} // the context ended
	var e *TokenError
	if errors.As(err, &e) {
		r.Reason, r.RetryAfter = e.Reason, e.RetryAfter
	}
	return r
}

// Token is what authenticates calls for a while.
type Token struct {
	Value string
	// Expires is when the vendor stops accepting it.
	Expires time.Time
}

// TokensConfig configures Tokens. Mint and Clock are required.
type TokensConfig struct {
	// Mint gets a new token from the vendor, or signs one.
	Mint func(ctx context.Context) (Token, error)
	// Early is how long before its end a token is replaced. Default one minute.
	Early time.Duration
	// Least is the shortest time between two mints, for vendors that punish
	// more (APNs: one in 20 minutes). Default one second.
	Least time.Duration
	Clock func() time.Time
}

// Tokens keeps one token and replaces it in time. It is safe for concurrent use.
type Tokens struct {
	c TokensConfig

	// turn is held by who mints, so that many callers cause one mint.
	turn chan struct{}
	mu   sync.Mutex
	now  Token
	// minted is when the token was made; bad is one the vendor rejected.
	minted time.Time
	bad    string
}

// NewTokens returns a keeper without a token.
func NewTokens(c TokensConfig) *Tokens {
	if c.Early == 0 {
		c.Early = time.Minute
	}
	if c.Least == 0 {
		c.Least = time.Second
	}
	return &Tokens{c: c, turn: make(chan struct{}, 1)}
}

// Get returns a token that holds, minting one if there is none. A token that was
// rejected is given out again only while the next may not be minted yet.
func (t *Tokens) Get(ctx context.Context) (string, error) {
	if v, ok := t.kept(); ok {
		return v, nil
	}
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if v, ok := t.kept(); ok {
		return v, nil
	}
	n, err := t.c.Mint(ctx)
	if err != nil {
		// Early is for just this: what still holds serves until the vendor's
		// token service is back.
		if v, ok := t.holds(); ok {
			return v, nil
		}
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now, t.minted, t.bad = n, t.c.Clock(), ""
	return n.Value, nil
}

func (t *Tokens) kept() (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.c.Clock()
	switch {
	case t.now.Value == "" || !now.Before(t.now.Expires):
		return "", false
	case now.Sub(t.minted) < t.c.Least:
		return t.now.Value, true
	}
	return t.now.Value, t.now.Value != t.bad && now.Before(t.now.Expires.Add(-t.c.Early))
}

// holds returns the token if the vendor has neither rejected nor outlived it.
func (t *Tokens) holds() (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now.Value, t.now.Value != "" && t.now.Value != t.bad && t.c.Clock().Before(t.now.Expires)
}

// Reject notes that the vendor did not accept a token; the next Get mints
// another, as soon as the vendor allows.
func (t *Tokens) Reject(value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bad = value
}

// Authorized makes a call with a token, and makes it once more with another where
// the vendor rejected the token: vendors look at that first, so the rejected call
// did nothing. It is not repeated while no other token may be minted. An error is
// one of Get; Untouched says what it means.
func Authorized[T any](ctx context.Context, t *Tokens, one func(token string) (r T, rejected bool)) (T, error) {
	token, err := t.Get(ctx)
	if err != nil {
		var none T
		return none, err
	}
	r, rejected := one(token)
	if !rejected {
		return r, nil
	}
	t.Reject(token)
	next, err := t.Get(ctx)
	if err != nil || next == token {
		return r, err
	}
	if r, rejected = one(next); rejected {
		t.Reject(next)
	}
	return r, nil
}
