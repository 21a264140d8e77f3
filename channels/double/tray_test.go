package double_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels/double"
)

// TestTray tells what a screen shows after some steps, and how often it was
// changed.
func TestTray(t *testing.T) {
	const d = "d1"
	n := func(id, text string) double.Item { return double.Item{ID: id, Text: text} }
	for name, x := range map[string]struct {
		steps   func(*double.Tray)
		screen  []double.Item
		changes int
	}{
		"shown in order": {func(y *double.Tray) {
			y.Show(d, "a", "1")
			y.Show(d, "b", "2")
		}, []double.Item{n("a", "1"), n("b", "2")}, 2},
		"replaced in place": {func(y *double.Tray) {
			y.Show(d, "a", "1")
			y.Show(d, "b", "2")
			y.Show(d, "a", "3")
		}, []double.Item{n("a", "3"), n("b", "2")}, 3},
		"the same again is no change": {func(y *double.Tray) {
			y.Show(d, "a", "1")
			y.Show(d, "a", "1")
		}, []double.Item{n("a", "1")}, 1},
		"removed": {func(y *double.Tray) {
			y.Show(d, "a", "1")
			y.Show(d, "b", "2")
			y.Remove(d, "a")
		}, []double.Item{n("b", "2")}, 3},
		"removed twice is one change": {func(y *double.Tray) {
			y.Show(d, "a", "1")
			y.Remove(d, "a")
			y.Remove(d, "a")
		}, nil, 2},
		"of another device": {func(y *double.Tray) {
			y.Show(d, "a", "1")
			y.Remove("d2", "a")
			y.Withhold("d2", "a")
			y.Show("d2", "a", "2")
		}, []double.Item{n("a", "1")}, 1},
		"waits until it is delivered": {func(y *double.Tray) { y.Wait(d, "a", "1") }, nil, 0},
		"delivered": {func(y *double.Tray) {
			y.Wait(d, "a", "1")
			y.Wait(d, "b", "2")
			y.Wait(d, "a", "3")
			y.Deliver(d)
			y.Deliver(d)
		}, []double.Item{n("b", "2"), n("a", "3")}, 2},
		"delivered over what is shown": {func(y *double.Tray) {
			y.Show(d, "a", "1")
			y.Wait(d, "a", "2")
			y.Deliver(d)
		}, []double.Item{n("a", "2")}, 2},
		"withheld stays away, shown stays": {func(y *double.Tray) {
			y.Show(d, "a", "1")
			y.Wait(d, "a", "2")
			y.Wait(d, "b", "3")
			y.Withhold(d, "a")
			y.Deliver(d)
		}, []double.Item{n("a", "1"), n("b", "3")}, 3},
		"removed from what waits too": {func(y *double.Tray) {
			y.Wait(d, "a", "1")
			y.Remove(d, "a")
			y.Deliver(d)
		}, nil, 1},
		"clicked is no change": {func(y *double.Tray) {
			y.Show(d, "a", "1")
			y.Click(d, "a")
		}, nil, 1},
		"shown afresh after a click": {func(y *double.Tray) {
			y.Show(d, "a", "1")
			y.Click(d, "a")
			y.Show(d, "a", "1")
		}, []double.Item{n("a", "1")}, 2},
	} {
		y := double.NewTray()
		x.steps(y)
		if diff := cmp.Diff(x.screen, append([]double.Item(nil), y.Screen(d)...)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if got := y.Changes(d); got != x.changes {
			t.Errorf("%s: %d changes, want %d", name, got, x.changes)
		}
	}
}

func TestTrayAnswers(t *testing.T) {
	y := double.NewTray()
	y.Show("d1", "a", "1")
	y.Wait("d1", "b", "2")
	for _, x := range []struct {
		what      string
		got, want bool
	}{
		{"withhold what is shown", y.Withhold("d1", "a"), false},
		{"withhold what waits", y.Withhold("d1", "b"), true},
		{"remove what is gone", y.Remove("d1", "b"), false},
		{"remove what is shown", y.Remove("d1", "a"), true},
		{"remove it again", y.Remove("d1", "a"), false},
	} {
		if x.got != x.want {
			t.Errorf("%s: %t", x.what, x.got)
		}
	}
	y.Show("d1", "c", "3")
	if text, ok := y.Text("d1", "c"); !ok || text != "3" {
		t.Errorf("text %q, %t", text, ok)
	}
	if text, ok := y.Text("d2", "c"); ok || text != "" {
		t.Errorf("text of another device %q, %t", text, ok)
	}
	y.Click("d1", "c")
	y.Click("d1", "never shown")
	if !y.Clicked("d1", "c") || y.Clicked("d1", "never shown") || y.Clicked("d2", "c") {
		t.Error("clicks are mixed up")
	}
	y.Show("d1", "d", "4")
	y.Screen("d1")[0].Text = "changed by the caller"
	if text, _ := y.Text("d1", "d"); text != "4" {
		t.Errorf("a caller changed the screen to %q", text)
	}
}

// TestSends: a send is taken from everybody it reached, and from nobody else.
func TestSends(t *testing.T) {
	for _, everywhere := range []bool{true, false} {
		y := double.NewTray()
		for i := range 3 {
			d := fmt.Sprintf("d%d", i)
			y.Show(d, "a", "1")
			y.Wait(d, "b", "2")
			if i < 2 {
				y.Sent("s1", d, "a")
				y.Sent("s1", d, "b")
			}
		}
		if y.RemoveSend("s2", everywhere) {
			t.Error("an unknown send was found")
		}
		for range 2 {
			if !y.RemoveSend("s1", everywhere) {
				t.Error("a send is not known, or not any more")
			}
		}
		for i, want := range map[int]int{0: 1, 1: 1, 2: 2} {
			if everywhere && i < 2 {
				want = 0
			}
			d := fmt.Sprintf("d%d", i)
			y.Deliver(d)
			if got := y.Screen(d); len(got) != want {
				t.Errorf("everywhere %t: %s shows %v, want %d", everywhere, d, got, want)
			}
		}
	}
}

func TestTrayIsSafe(t *testing.T) {
	y := double.NewTray()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				id := fmt.Sprintf("%d-%d", i, j)
				y.Show("d1", id, "1")
				y.Sent("s1", "d1", id)
				y.Wait("d1", id+"w", "2")
				y.Deliver("d1")
				y.Click("d1", id+"w")
				y.Screen("d1")
			}
		})
	}
	wg.Wait()
	for i := range 8 {
		for j := range 50 {
			y.Remove("d1", fmt.Sprintf("%d-%dw", i, j)) // delivered by another after the click
		}
	}
	y.RemoveSend("s1", true)
	if got := y.Screen("d1"); len(got) != 0 {
		t.Errorf("%d are left", len(got))
	}
}
