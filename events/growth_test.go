package events

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestHomes: a push is looked for wherever it may have begun, the oldest place
// first, and nowhere twice.
func TestHomes(t *testing.T) {
	grown := []Growth{
		{2, Positions{{0, 10}, {1, 20}}},
		{3, Positions{{0, 30}, {1, 40}, {2, 50}}},
	}
	seen := map[string]bool{}
	for i := range 200 {
		push := fmt.Sprintf("p%d", i)
		of := func(n int) int { return PartitionOf("shop", push, n) }
		var want []Home
		switch first, second, last := of(2), of(3), of(5); {
		case first == last && second == last:
			seen["same"] = true
		case first == last:
			seen["between"] = true
			want = []Home{{second, grown[1].Ends.Of(second)}}
		case second == last:
			seen["back"] = true
			want = []Home{{first, grown[0].Ends.Of(first)}}
		case first == second:
			seen["longer"] = true
			want = []Home{{first, grown[1].Ends.Of(first)}}
		default:
			seen["both"] = true
			want = []Home{{first, grown[0].Ends.Of(first)}, {second, grown[1].Ends.Of(second)}}
		}
		home, before := Homes("shop", push, 5, grown)
		if diff := cmp.Diff(want, before); diff != "" || home != of(5) {
			t.Errorf("%s: home %d, want %d %s", push, home, of(5), diff)
		}
		if home, before := Homes("shop", push, 5, nil); home != of(5) || before != nil {
			t.Errorf("%s without growth: %d, %v", push, home, before)
		}
		if home, _ := KeyHomes("shop", push, 5, grown); home != KeyPartition("shop", push, 5) {
			t.Errorf("key %s: home %d", push, home)
		}
	}
	if len(seen) != 5 {
		t.Errorf("only %v were tried", seen)
	}
}

// TestCheckGrowths: what no growth of partitions can have left behind is refused.
func TestCheckGrowths(t *testing.T) {
	two := Growth{2, Positions{{0, 10}, {1, 0}}}
	for _, c := range []struct {
		name       string
		grown      []Growth
		partitions int
		want       string
	}{
		{"none", nil, 1, ""},
		{"one", []Growth{two}, 3, ""},
		{"two", []Growth{{1, Positions{{0, 5}}}, two}, 3, ""},
		{"fewer", []Growth{two}, 2, "growth 0: from 2 partitions to 2"},
		{"out of order", []Growth{two, {1, Positions{{0, 5}}}}, 3, "growth 0: from 2 partitions to 1"},
		{"of nothing", []Growth{{0, nil}}, 3, "growth 0: from 0 partitions to 3"},
		{"an end is missing", []Growth{{2, Positions{{0, 10}}}}, 3, "growth 0: 2 partitions with 1 ends"},
		{"another's end", []Growth{{2, Positions{{0, 10}, {2, 1}}}}, 3, "growth 0: the end of partition 1 is 2-1"},
	} {
		got := ""
		if err := CheckGrowths(c.grown, c.partitions); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
