package facade

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

const home, elsewhere = "192.0.2.1:4000", "192.0.2.2:4000"

func wrong() bool { return false }
func right() bool { return true }

// guess fails until the guard says that it is enough, and returns how often.
func guess(t *testing.T, g *Guard, id, remote string, now time.Time) int {
	t.Helper()
	for n := range 10 * MaxGuesses {
		if g.Check(id, remote, now, wrong) == Limited {
			return n
		}
	}
	t.Fatalf("%s guesses %s without an end", remote, id)
	return 0
}

func TestGuessingIsBounded(t *testing.T) {
	g, now := NewGuard(), time.Unix(1_800_000_000, 0)
	for range 10 * MaxGuesses {
		if v := g.Check("k", elsewhere, now, right); v != Right {
			t.Fatalf("a right secret is judged %v", v)
		}
	}
	if n := guess(t, g, "k", home, now); n != MaxGuesses {
		t.Errorf("%d wrong secrets were looked at, want %d", n, MaxGuesses)
	}
	// While it is limited nothing is looked at, or guessing would go on.
	if v := g.Check("k", home, now, func() bool { t.Error("a secret was looked at"); return true }); v != Limited {
		t.Errorf("a secret beyond the limit is judged %v", v)
	}
	later := now.Add(10 * time.Second)
	if n := guess(t, g, "k", home, later); n != 10*GuessesPerSecond {
		t.Errorf("%d wrong secrets were looked at after 10 s, want %d", n, 10*GuessesPerSecond)
	}
	if v := g.Check("k", home, later.Add(time.Second), right); v != Right {
		t.Errorf("a right secret is judged %v a second after the guessing", v)
	}
	if n := guess(t, g, "other", home, later); n != MaxGuesses {
		t.Errorf("%d wrong secrets of another key were looked at, want %d", n, MaxGuesses)
	}
}

func TestStrangersLockNobodyOutWhoProvedTheKey(t *testing.T) {
	g, now := NewGuard(), time.Unix(1_800_000_000, 0)
	g.Check("k", home, now, right)
	guess(t, g, "k", elsewhere, now)
	if v := g.Check("k", "192.0.2.1:5000", now, right); v != Right {
		t.Errorf("the one who proved the key is judged %v", v)
	}
	if v := g.Check("k", "192.0.2.3:4000", now, right); v != Limited {
		t.Errorf("a third network is judged %v, want it limited as strangers are", v)
	}
	// It may not guess without a bound either.
	if n := guess(t, g, "k", home, now); n != MaxGuesses {
		t.Errorf("%d wrong secrets were looked at, want %d", n, MaxGuesses)
	}
}

func TestGuardForgetsWhatIsTooMuch(t *testing.T) {
	g, now := NewGuard(), time.Unix(1_800_000_000, 0)
	for i := range 2 * maxBuckets {
		g.Check(fmt.Sprint("unknown", i), home, now, wrong)
	}
	for i := range 2 * maxProven {
		g.Check("k", fmt.Sprintf("10.0.%d.%d:1", i/256, i%256), now, right)
	}
	if len(g.buckets) > maxBuckets || len(g.proven) != maxProven || len(g.order) != maxProven {
		t.Errorf("%d buckets and %d (%d) proofs are remembered", len(g.buckets), len(g.proven), len(g.order))
	}
	guess(t, g, "k", elsewhere, now)
	if v := g.Check("k", "10.0.0.0:1", now, right); v != Limited {
		t.Errorf("the oldest proof is remembered: %v", v)
	}
	if v := g.Check("k", "10.0.31.255:1", now, right); v != Right {
		t.Errorf("the newest proof is forgotten: %v", v)
	}
}

// What is guessed at the same moment is paid for afterwards.
func TestGuessesAtOnce(t *testing.T) {
	g, now := NewGuard(), time.Unix(1_800_000_000, 0)
	const callers = 4 * MaxGuesses
	var all, ready sync.WaitGroup
	ready.Add(callers)
	for range callers {
		all.Go(func() {
			g.Check("k", home, now, func() bool { ready.Done(); ready.Wait(); return false })
		})
	}
	all.Wait()
	owed := time.Duration(callers-MaxGuesses) * time.Second / GuessesPerSecond
	if v := g.Check("k", home, now.Add(owed), right); v != Limited {
		t.Errorf("%s after %d guesses at once the next is judged %v", owed, callers, v)
	}
	if v := g.Check("k", home, now.Add(owed+time.Second), right); v != Right {
		t.Errorf("after %s it is judged %v", owed+time.Second, v)
	}
}

func TestNetwork(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1/32", "[::ffff:192.0.2.1]:80": "192.0.2.1/32", "[2001:db8:1:2:3::4]:80": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80": "fe80::/64", "": "", "@": "", "host:80": "",
	} {
		if got := network(remote); got != want {
			t.Errorf("network(%q) = %q, want %q", remote, got, want)
		}
	}
}
