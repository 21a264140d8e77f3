package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"
)

// TestOwnerMoves: a node that joins takes leases only to itself, about its share.
func TestOwnerMoves(t *testing.T) {
	const leases = 3000
	count := map[string]int{}
	for i := range leases {
		name := fmt.Sprint("planner-", i)
		two, three := LeaseOwner(name, "a", "b"), LeaseOwner(name, "c", "b", "a")
		if three != two && three != "c" {
			t.Errorf("%s moves from %s to %s when c joins", name, two, three)
		}
		count[three]++
	}
	for _, node := range []string{"a", "b", "c"} {
		if n := count[node]; n < leases/3-leases/20 || n > leases/3+leases/20 {
			t.Errorf("%s has %d of %d leases, want about a third", node, n, leases)
		}
	}
}

// TestEntryFree: when a lease may be taken.
func TestEntryFree(t *testing.T) {
	seen := time.Now()
	for name, f := range map[string]struct {
		e    entry
		want time.Time
	}{
		"never held":                {entry{}, time.Time{}},
		"given back":                {entry{rev: 3, gone: true, seen: seen}, seen},
		"held by another":           {newEntryAt(seen, `{"node":"b","ttl_ms":5000}`), seen.Add(5 * time.Second)},
		"written by this node":      {newEntryAt(seen, `{"node":"a","ttl_ms":5000}`), time.Time{}},
		"no JSON":                   {newEntryAt(seen, `x`), seen.Add(maxTTL)},
		"no node":                   {newEntryAt(seen, `{"ttl_ms":5000}`), seen.Add(maxTTL)},
		"no TTL":                    {newEntryAt(seen, `{"node":"b"}`), seen.Add(maxTTL)},
		"a TTL in the past":         {newEntryAt(seen, `{"node":"b","ttl_ms":-1}`), seen.Add(maxTTL)},
		"a TTL that is no duration": {newEntryAt(seen, `{"node":"b","ttl_ms":9223372036854775807}`), seen.Add(maxTTL)},
		"a TTL of a later version":  {newEntryAt(seen, `{"node":"b","ttl_ms":3600000}`), seen.Add(time.Hour)},
	} {
		if got := f.e.free("a"); !got.Equal(f.want) {
			t.Errorf("%s: free at %s, want %s", name, got, f.want)
		}
	}
}

func newEntryAt(seen time.Time, body string) entry {
	e := newEntry(7, []byte(body), false)
	e.seen = seen
	return e
}

// balanced is the leases of node a at some time, which holds one that belongs to b.
func balanced(now time.Time) (*Leases, string, *error) {
	name := "planner-0"
	for i := 0; LeaseOwner(name, "a", "b", "c") != "b"; i++ {
		name = fmt.Sprint("planner-", i)
	}
	var told error
	long := now.Add(-time.Hour)
	l := &Leases{
		c:       LeaseConfig{Node: "a", TTL: 5 * time.Second, Settle: 10 * time.Second, Pace: time.Second},
		log:     slog.New(slog.DiscardHandler),
		phase:   phaseRunning,
		members: map[string]member{"b": {ttl: time.Minute, seen: now, wants: map[string]time.Time{name: long}}},
		claims:  map[string]*claim{name: {name: name, held: true, began: long, end: func(err error) { told = err }}},
	}
	return l, name, &told
}

// TestGiveAway: a lease goes to the node it belongs to, and not for less.
func TestGiveAway(t *testing.T) {
	now := time.Now()
	for name, f := range map[string]struct {
		change func(l *Leases, name string)
		want   error
	}{
		"it belongs elsewhere": {func(*Leases, string) {}, errHandOver},
		"the other has just come": {func(l *Leases, name string) {
			l.members["b"].wants[name] = now.Add(-5 * time.Second)
		}, nil},
		"the other does not ask for it": {func(l *Leases, name string) { delete(l.members["b"].wants, name) }, nil},
		"the other is silent": {func(l *Leases, name string) {
			m := l.members["b"]
			m.seen = now.Add(-time.Minute)
			l.members["b"] = m
		}, nil},
		"held for a short time":  {func(l *Leases, name string) { l.claims[name].began = now.Add(-5 * time.Second) }, nil},
		"not held":               {func(l *Leases, name string) { l.claims[name].held = false }, nil},
		"given away already":     {func(l *Leases, name string) { l.claims[name].leaving = true }, nil},
		"another was just given": {func(l *Leases, _ string) { l.gave = now.Add(-500 * time.Millisecond) }, nil},
		"another was given":      {func(l *Leases, _ string) { l.gave = now.Add(-2 * time.Second) }, errHandOver},
		"the node stops":         {func(l *Leases, _ string) { l.phase = phaseStopping }, nil},
		"the other comes after": {func(l *Leases, lease string) {
			m := l.members["b"]
			delete(l.members, "b")
			for i := 0; len(l.members) == 0; i++ {
				if node := fmt.Sprint("n", i); LeaseOwner(lease, "a", node) == "a" {
					l.members[node] = m
				}
			}
		}, nil},
	} {
		l, lease, told := balanced(now)
		f.change(l, lease)
		l.giveAway(context.Background())
		if !errors.Is(*told, f.want) || (*told != nil) != (f.want != nil) {
			t.Errorf("%s: told %v, want %v", name, *told, f.want)
		}
	}
}

// TestRank: how many nodes go first.
func TestRank(t *testing.T) {
	now := time.Now()
	l, name, _ := balanced(now)
	if got := l.rank(name, "", now); got != 1 {
		t.Errorf("beside the owner: rank %d, want 1", got)
	}
	if got := l.rank(name, "b", now); got != 0 {
		t.Errorf("after the owner's silence: rank %d, want 0", got)
	}
	if got := l.rank(name, "", now.Add(2*time.Minute)); got != 0 {
		t.Errorf("when the owner is long gone: rank %d, want 0", got)
	}
	if got := l.rank("another", "", now); got != 0 {
		t.Errorf("for a lease the owner does not ask for: rank %d, want 0", got)
	}
	for i := range 1000 {
		l.members[fmt.Sprint("n", i)] = l.members["b"]
	}
	if got := l.rank(name, "", now); got != maxRank {
		t.Errorf("beside a thousand: rank %d, want %d", got, maxRank)
	}
}

// TestMeet: since when a node asks for a lease, over breaks.
func TestMeet(t *testing.T) {
	l := &Leases{members: map[string]member{}}
	v := leaseValue{Node: "b", TTL: 60_000, Wants: []string{"x"}}
	l.meet("b", v)
	first := l.members["b"].wants["x"]
	v.Wants = []string{"x", "y"}
	l.meet("b", v)
	if m := l.members["b"]; m.wants["x"] != first || !m.wants["y"].After(first) {
		t.Errorf("x since %s and y since %s, want x since %s and y later", m.wants["x"], m.wants["y"], first)
	}
	m := l.members["b"]
	m.seen = m.seen.Add(-2 * time.Minute)
	l.members["b"] = m
	l.meet("b", v)
	if !l.members["b"].wants["x"].After(first) {
		t.Error("after a silence the node still counts as there since before")
	}
}

// TestWholeSeconds: the server takes no fraction.
func TestWholeSeconds(t *testing.T) {
	for d, want := range map[time.Duration]time.Duration{
		minTTL: time.Second, time.Second: time.Second, time.Second + 1: 2 * time.Second, maxTTL: maxTTL,
	} {
		if got := wholeSeconds(d); got != want {
			t.Errorf("wholeSeconds(%s) = %s, want %s", d, got, want)
		}
	}
}

// TestHeldByClock: a lease whose time is over is not held, though nothing has yet
// ended the work: a process that was paused asks before its timers have run.
func TestHeldByClock(t *testing.T) {
	now := time.Now()
	c := &claim{held: true, deadline: now.Add(time.Hour)}
	l := &Leases{claims: map[string]*claim{"planner-0": c}}
	if !l.Held("planner-0") {
		t.Error("before the deadline: not held")
	}
	if l.Held("planner-1") {
		t.Error("a lease nobody asked for is held")
	}
	c.deadline = now
	if l.Held("planner-0") {
		t.Error("after the deadline: still held")
	}
	c.deadline, c.held = now.Add(time.Hour), false
	if l.Held("planner-0") {
		t.Error("after it was lost: still held")
	}
}

// TestUntil: a holder counts from when it sent the renewal and stops a tenth early.
func TestUntil(t *testing.T) {
	l, sent := &Leases{c: LeaseConfig{TTL: 5 * time.Second}}, time.Now()
	if got, want := l.until(sent), sent.Add(4500*time.Millisecond); !got.Equal(want) {
		t.Errorf("held for %s, want %s", got.Sub(sent), want.Sub(sent))
	}
}
