package events

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestPrintable compares with a look at each byte: every byte value at every place
// of texts of every length up to three words, and texts of random bytes.
func TestPrintable(t *testing.T) {
	slow := func(s string) bool {
		return !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r >= 0x7f || r == '"' || r == '\\' })
	}
	for n := range 25 {
		for at := range n {
			for c := range 256 {
				b := []byte(strings.Repeat("!~ a", 7)[:n])
				b[at] = byte(c)
				if got, want := printable(string(b)), slow(string(b)); got != want {
					t.Fatalf("%q: %t, want %t", b, got, want)
				}
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		b := make([]byte, r.IntN(40))
		for i := range b {
			if b[i] = ' ' + byte(r.IntN(95)); r.IntN(30) == 0 {
				b[i] = byte(r.UintN(256))
			}
		}
		if got, want := printable(string(b)), slow(string(b)); got != want {
			t.Fatalf("%q: %t, want %t", b, got, want)
		}
	}
	if !printable("") {
		t.Error("an empty text is none")
	}
}
