package facade

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestNonceIsUsedOnce(t *testing.T) {
	start := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	n := NewNonces(31*time.Minute, start)
	for _, tt := range []struct {
		nonce string
		after time.Duration
		want  bool
	}{
		{"a", 0, true}, {"a", time.Second, false}, {"b", time.Second, true},
		{"a", 31 * time.Minute, false}, {"b", 31 * time.Minute, false}, {"a", 32 * time.Minute, true}, {"b", 32 * time.Minute, true},
	} {
		if got := n.Use(tt.nonce, start.Add(tt.after)); got != tt.want {
			t.Errorf("Use(%q) after %s = %v, want %v", tt.nonce, tt.after, got, tt.want)
		}
	}
	if !n.Since().Equal(start) {
		t.Errorf("Since = %v, want %v", n.Since(), start)
	}
}

func TestNoncesAreBounded(t *testing.T) {
	start := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	n := NewNonces(time.Minute, start)
	for i := range maxNonces {
		if !n.Use(fmt.Sprint(i), start) {
			t.Fatalf("nonce %d was refused", i)
		}
	}
	if n.Use("one more", start) {
		t.Error("a nonce beyond the limit was taken, and could be used again")
	}
	if !n.Use("one more", start.Add(2*time.Minute)) {
		t.Error("no nonce is taken after the old ones expired")
	}
}

func TestOneOfManyUsesWins(t *testing.T) {
	n := NewNonces(time.Minute, time.Unix(0, 0))
	var wins atomic.Int32
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			if n.Use("x", time.Unix(1, 0)) {
				wins.Add(1)
			}
		})
	}
	all.Wait()
	if wins.Load() != 1 {
		t.Errorf("%d uses of one nonce were new, want 1", wins.Load())
	}
}
