package jpush

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// counting returns a pool whose fetches give so many cids, numbered.
func counting(batch int, now *time.Time) *pool {
	n := 0
	return newPool(func(context.Context) ([]string, error) {
		var list []string
		for range batch {
			n++
			list = append(list, fmt.Sprint("c", n))
		}
		return list, nil
	}, func() time.Time { return *now })
}

func take(t *testing.T, p *pool, w work, devices ...string) *claim {
	t.Helper()
	c, err := p.take(t.Context(), w, devices)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSamePushSameCID(t *testing.T) {
	now := noon()
	p := counting(10, &now)
	w := work{"p", "r", "7"}
	first := take(t, p, w, "a", "b", "c").value
	for _, x := range []struct {
		name    string
		w       work
		devices []string
		same    bool
	}{
		{"the same", w, []string{"a", "b", "c"}, true},
		{"fewer devices", w, []string{"c"}, true},
		{"other devices", w, []string{"d"}, false},
		{"more devices", w, []string{"a", "e"}, false},
		{"another send", work{"p", "r", "8"}, []string{"a"}, false},
		{"another recall", work{"p", "r2", "7"}, []string{"a"}, false},
		{"another push", work{"p2", "r", "7"}, []string{"a"}, false},
	} {
		if got := take(t, p, x.w, x.devices...).value; (got == first) != x.same {
			t.Errorf("%s: cid %s after %s", x.name, got, first)
		}
	}
}

func TestCIDsEnd(t *testing.T) {
	now := noon()
	p := counting(2, &now)
	w := work{"p", "r", "7"}
	take(t, p, w, "a") // c1
	now = now.Add(spareLife - 1)
	if got := take(t, p, w, "b").value; got != "c2" {
		t.Errorf("a spare within its time: %s", got)
	}
	take(t, p, w, "c") // c3, of the second fetch
	now = now.Add(spareLife)
	if got := take(t, p, w, "d").value; got != "c5" {
		t.Errorf("an old spare was used: %s", got)
	}
	now = noon().Add(cidLife - 1)
	if got := take(t, p, w, "a").value; got != "c1" {
		t.Errorf("within a day: %s", got)
	}
	now = noon().Add(cidLife)
	if got := take(t, p, w, "a").value; got == "c1" {
		t.Error("a cid was used after its day")
	}
}

// TestClaimsAreBounded: the oldest goes first, one that is settled before all.
func TestClaimsAreBounded(t *testing.T) {
	now := noon()
	p := counting(1, &now)
	device := func(i int) string { return fmt.Sprint("d", i) }
	var second *claim
	for i := range maxClaims {
		if c := take(t, p, work{}, device(i)); i == 1 {
			second = c
		}
	}
	p.settle(second)
	take(t, p, work{}, "one more")
	if got := take(t, p, work{}, device(0)).value; got != "c1" {
		t.Errorf("the oldest went before one that is settled: %s", got)
	}
	take(t, p, work{}, "yet one more")
	if len(p.claims) != maxClaims {
		t.Errorf("%d claims", len(p.claims))
	}
	if got := take(t, p, work{}, device(0)).value; got == "c1" {
		t.Error("the oldest is kept beyond the limit")
	}
}

// TestNoCID: without a cid nothing is pushed.
func TestNoCID(t *testing.T) {
	for _, x := range []struct {
		name   string
		err    error
		want   channels.Verdict
		reason string
	}{
		{"credentials", fetchError{call.Result{Verdict: channels.Throttled, Reason: "credentials"}}, channels.Throttled, "credentials"},
		{"an open answer", fetchError{call.Result{Verdict: channels.Unknown, Reason: "no-answer"}}, channels.Throttled, "vendor-busy"},
		{"a wrong path", fetchError{call.Result{Verdict: channels.Refused, Reason: "bad-request"}}, channels.Refused, "bad-request"},
		{"none", nil, channels.Throttled, "vendor-busy"},
		{"an end of the context", context.Canceled, channels.Throttled, "unreachable"},
	} {
		p := newPool(func(context.Context) ([]string, error) { return nil, x.err }, noon)
		_, err := p.take(t.Context(), work{}, []string{"a"})
		if err == nil || x.err != nil && !errors.Is(err, x.err) {
			t.Errorf("%s: %v", x.name, err)
		}
		if r := unpushed(err); r.Verdict != x.want || r.Reason != x.reason {
			t.Errorf("%s: %q (%s), want %q (%s)", x.name, r.Verdict, r.Reason, x.want, x.reason)
		}
	}
}
