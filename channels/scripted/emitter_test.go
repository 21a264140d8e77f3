package scripted_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/channelstest"
	"github.com/recall-ledger/recall-ledger/channels/scripted"
)

func row(t *testing.T) channels.Row {
	t.Helper()
	r, ok := channels.Lookup(channels.Native, "selfbuilt")
	if !ok {
		t.Fatal("the matrix has no selfbuilt row")
	}
	return r
}

func TestContract(t *testing.T) {
	plain := row(t)
	slotted := plain
	slotted.NeedsSlot = true
	withheld := plain
	withheld.Recall, withheld.Override = channels.None, channels.None
	for name, r := range map[string]channels.Row{"plain": plain, "needs slot": slotted, "withhold only": withheld} {
		t.Run(name, func(t *testing.T) {
			with := func(b scripted.Behaviour) func(*testing.T) channels.Emitter {
				return func(*testing.T) channels.Emitter {
					return scripted.New(scripted.Config{Row: r, Behave: func(string) scripted.Behaviour { return b }})
				}
			}
			channelstest.Run(t, channelstest.Harness{
				Row:        r,
				New:        with(scripted.Behaviour{Delay: time.Second}),
				Refusing:   with(scripted.Behaviour{Refuse: "unregistered"}),
				Throttling: with(scripted.Behaviour{Throttle: 1, RetryAfter: time.Second}),
				Stalled: func(*testing.T) (channels.Emitter, <-chan struct{}) {
					entered := make(chan struct{})
					return scripted.New(scripted.Config{
						Row:    r,
						Behave: func(string) scripted.Behaviour { return scripted.Behaviour{Delay: time.Hour} },
						Wait: func(ctx context.Context, _ time.Duration) error {
							close(entered)
							<-ctx.Done()
							return ctx.Err()
						},
					}), entered
				},
			})
		})
	}
}

func command(m channels.Method, devices ...string) channels.Command {
	return channels.Command{
		App: "shop", Push: "p1", Recall: "r1", Channel: "selfbuilt", Action: channels.Recall, Method: m,
		Slot: "s", Body: "Message revoked", Devices: devices, Attempt: 1,
	}
}

func verdicts(t *testing.T, e *scripted.Emitter, c channels.Command) []channels.Verdict {
	t.Helper()
	r, err := e.Emit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	vs := make([]channels.Verdict, len(r.Results))
	for i, x := range r.Results {
		vs[i] = x.Verdict
	}
	return vs
}

func TestScript(t *testing.T) {
	const a, th, u = channels.Accepted, channels.Throttled, channels.Unknown
	for name, tc := range map[string]struct {
		behaviour scripted.Behaviour
		want      []channels.Verdict // of three calls
		effects   int
	}{
		"zero":                 {scripted.Behaviour{}, []channels.Verdict{a, a, a}, 3},
		"throttle":             {scripted.Behaviour{Throttle: 2}, []channels.Verdict{th, th, a}, 1},
		"unknown":              {scripted.Behaviour{Unknown: 1}, []channels.Verdict{u, a, a}, 2},
		"unknown after effect": {scripted.Behaviour{Unknown: 1, UnknownAfterEffect: true}, []channels.Verdict{u, a, a}, 3},
		"throttle, unknown":    {scripted.Behaviour{Throttle: 1, Unknown: 1}, []channels.Verdict{th, u, a}, 1},
		"loss":                 {scripted.Behaviour{Loss: true}, []channels.Verdict{a, a, a}, 0},
		"refuse":               {scripted.Behaviour{Throttle: 1, Refuse: "gone"}, []channels.Verdict{th, channels.Refused, channels.Refused}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := scripted.New(scripted.Config{Behave: func(string) scripted.Behaviour { return tc.behaviour }})
			var got []channels.Verdict
			for range 3 {
				got = append(got, verdicts(t, e, command(channels.Remove, "d1"))...)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("verdicts %v, want %v", got, tc.want)
			}
			if n := e.Effects("p1", "d1"); n != tc.effects || e.EffectsMax() != n {
				t.Errorf("%d effects, at most %d, want %d", n, e.EffectsMax(), tc.effects)
			}
			if n := e.CallsFor("p1", "d1"); n != 3 {
				t.Errorf("%d calls, want 3", n)
			}
			counts := make(map[channels.Verdict]int)
			for _, v := range tc.want {
				counts[v]++
			}
			if got := e.Verdicts(); !maps.Equal(got, counts) {
				t.Errorf("counted %v, want %v", got, counts)
			}
		})
	}
}

func TestRepeatableRowCountsARecallOnce(t *testing.T) {
	e := scripted.New(scripted.Config{
		Row:    row(t),
		Behave: func(string) scripted.Behaviour { return scripted.Behaviour{Unknown: 1, UnknownAfterEffect: true} },
	})
	verdicts(t, e, command(channels.Remove, "d1"))
	verdicts(t, e, command(channels.Remove, "d1"))
	if n := e.Effects("p1", "d1"); n != 1 {
		t.Errorf("%d effects of one recall, want 1", n)
	}
	other := command(channels.Remove, "d1")
	other.Recall = "r2"
	verdicts(t, e, other)
	if n := e.Effects("p1", "d1"); n != 2 {
		t.Errorf("%d effects of two recalls, want 2", n)
	}
}

func TestScreen(t *testing.T) {
	item := func(push, text string) scripted.Item { return scripted.Item{Push: push, Text: text} }
	override := command(channels.Overwrite, "d1")
	override.Action, override.Replacement = channels.Override, "p2"
	forced := override
	forced.Forced = true
	for name, tc := range map[string]struct {
		command channels.Command
		want    []scripted.Item
	}{
		"withhold": {command(channels.Withhold, "d1"), []scripted.Item{item("p1", "wrong price")}},
		"remove":   {command(channels.Remove, "d1"), nil},
		"notice":   {command(channels.Overwrite, "d1"), []scripted.Item{item("p1", "Message revoked")}},
		"override": {override, []scripted.Item{item("p2", "Message revoked")}},
		"forced":   {forced, []scripted.Item{item("p1", "wrong price"), item("p2", "Message revoked")}},
	} {
		t.Run(name, func(t *testing.T) {
			e := scripted.New(scripted.Config{})
			if !e.Shown("p1", "d1", "wrong price") {
				t.Fatal("not shown")
			}
			verdicts(t, e, tc.command)
			if got := e.Screen("d1"); !slices.Equal(got, tc.want) {
				t.Errorf("screen %v, want %v", got, tc.want)
			}
			if got := e.Screen("d2"); got != nil {
				t.Errorf("another device shows %v", got)
			}
		})
	}
	t.Run("taken back before it arrives", func(t *testing.T) {
		e := scripted.New(scripted.Config{})
		verdicts(t, e, command(channels.Withhold, "d1"))
		if e.Shown("p1", "d1", "wrong price") || e.Screen("d1") != nil {
			t.Error("a withheld push was shown")
		}
	})
}

func TestClickedDevice(t *testing.T) {
	var confirmed []string
	e := scripted.New(scripted.Config{
		Behave: func(string) scripted.Behaviour {
			return scripted.Behaviour{Confirms: true, ConfirmAfter: time.Minute}
		},
		Confirm: func(app, recall, push, device string, after time.Duration) {
			confirmed = append(confirmed, fmt.Sprint(app, " ", recall, " ", push, " ", device, " ", after))
		},
	})
	e.Shown("p1", "d1", "wrong price")
	e.Clicked("p1", "d1")
	if e.CallsAfterClick() != 0 {
		t.Error("a call was counted that was not made")
	}
	verdicts(t, e, command(channels.Remove, "d1", "d2"))
	if n := e.CallsAfterClick(); n != 1 {
		t.Errorf("%d calls after the click, want 1", n)
	}
	if e.Effects("p1", "d1") != 0 || e.Effects("p1", "d2") != 1 || e.Touched("p1") != 1 {
		t.Error("the clicked device was touched, or the other was not")
	}
	if want := []string{"shop r1 p1 d2 1m0s"}; !slices.Equal(confirmed, want) {
		t.Errorf("confirmed %v, want %v", confirmed, want)
	}
}

func TestCalls(t *testing.T) {
	at := time.Date(2026, 11, 20, 9, 41, 0, 0, time.UTC)
	var waited []time.Duration
	e := scripted.New(scripted.Config{
		Channel: "selfbuilt",
		Clock:   func() time.Time { return at },
		Behave: func(d string) scripted.Behaviour {
			return scripted.Behaviour{Delay: map[string]time.Duration{"d1": time.Second, "d2": 3 * time.Second}[d]}
		},
		Wait: func(_ context.Context, d time.Duration) error { waited = append(waited, d); return nil },
	})
	verdicts(t, e, command(channels.Remove, "d1", "d2", "d3"))
	other := command(channels.Remove, "d1")
	other.Channel = "fcm"
	if v := verdicts(t, e, other); v[0] != channels.Refused {
		t.Errorf("verdict %q for another channel, want refused", v[0])
	}
	want := []scripted.Call{{
		App: "shop", Push: "p1", Recall: "r1", Action: channels.Recall, Method: channels.Remove,
		Devices: 3, Attempt: 1, At: at,
	}}
	if got := e.Calls(); !slices.Equal(got, want) {
		t.Errorf("calls %+v, want %+v", got, want)
	}
	if want := []time.Duration{3 * time.Second}; !slices.Equal(waited, want) {
		t.Errorf("waited %v, want %v", waited, want)
	}
}

func TestDelayCutShortHasNoEffect(t *testing.T) {
	e := scripted.New(scripted.Config{
		Behave: func(string) scripted.Behaviour { return scripted.Behaviour{Delay: time.Hour} },
		Wait:   func(context.Context, time.Duration) error { return context.Canceled },
	})
	if _, err := e.Emit(t.Context(), command(channels.Remove, "d1")); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want cancelled", err)
	}
	if e.CallsFor("p1", "d1") != 1 || e.Effects("p1", "d1") != 0 {
		t.Error("want one call without effect")
	}
}

func TestConcurrentCountsAreExact(t *testing.T) {
	e := scripted.New(scripted.Config{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 100 {
				if _, err := e.Emit(t.Context(), command(channels.Remove, fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := e.Verdicts()[channels.Accepted]; got != 800 {
		t.Errorf("%d accepted, want 800", got)
	}
	for i := range 100 {
		if n := e.Effects("p1", fmt.Sprint(i)); n != 8 {
			t.Errorf("device %d has %d effects, want 8", i, n)
		}
	}
}
