package double

import (
	"fmt"
	"sync"
)

// Tokens are the access tokens that a double gave. Their zero value gave none. They
// are safe for concurrent use.
type Tokens struct {
	mu    sync.Mutex
	given int
	// holds says of the tokens that are known whether they hold.
	holds map[string]bool
}

// Give gives another token; those before hold on.
func (t *Tokens) Give() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.give()
}

// Current gives the token before once more, as long as it holds. One that took its
// place is the only one that is known.
func (t *Tokens) Current() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last := t.name(); t.holds[last] {
		return last
	}
	clear(t.holds)
	return t.give()
}

func (t *Tokens) give() string {
	if t.holds == nil {
		t.holds = map[string]bool{}
	}
	t.given++
	t.holds[t.name()] = true
	return t.name()
}

// name is the newest token.
func (t *Tokens) name() string { return fmt.Sprintf("access-token-%d-of-the-double==", t.given) }

// Check reports whether a token is known, and whether it holds.
func (t *Tokens) Check(token string) (known, holds bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	holds, known = t.holds[token]
	return known, holds
}

// Expire ends every token that was given.
func (t *Tokens) Expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for token := range t.holds {
		t.holds[token] = false
	}
}
