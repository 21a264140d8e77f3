package double

import "testing"

// TestTokens: a token holds until it expires, beside others or alone.
func TestTokens(t *testing.T) {
	var tokens Tokens
	check := func(what, token string, wantKnown, wantHolds bool) {
		t.Helper()
		if known, holds := tokens.Check(token); known != wantKnown || holds != wantHolds {
			t.Errorf("%s: known %t, holds %t", what, known, holds)
		}
	}
	check("none was given", "", false, false)
	first := tokens.Current()
	if again := tokens.Current(); again != first {
		t.Errorf("%s, then %s", first, again)
	}
	second := tokens.Give()
	check("the first beside the second", first, true, true)
	check("the second", second, true, true)
	tokens.Expire()
	check("the first, expired", first, true, false)
	third := tokens.Current()
	check("the third", third, true, true)
	check("the second, replaced", second, false, false)
}
