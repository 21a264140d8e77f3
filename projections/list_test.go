package projections

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
)

// A quantile is an upper bound of the exact one, less than a quarter doubling
// above it, whatever was counted.
func TestHistogramQuantiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 3000 {
		var h histogram
		times := make([]time.Duration, 1+rng.IntN(300))
		for i := range times {
			times[i] = time.Duration(rng.Int64N(1 << (1 + rng.IntN(58))))
			h.add(times[i])
		}
		for _, percent := range []int{50, 95, 99} {
			got, want := h.quantile(uint64(percent)).Milliseconds(), exact(times, percent)
			if got < want || float64(got) > 1.25*float64(want) {
				t.Fatalf("round %d: percentile %d of %d is %d ms, the exact one %d ms", round, percent, len(times), got, want)
			}
		}
	}
	if got := (histogram)(nil).quantile(50); got != 0 {
		t.Errorf("the median of nothing is %v", got)
	}
	var h histogram
	h.add(-time.Hour) // a clock set back
	if got := h.quantile(99); got != time.Millisecond {
		t.Errorf("a negative time counts as %v", got)
	}
}

// filled has 30 pushes, 30 recalls, 30 bad events, and one push with holders on
// two channels over several pages.
func filled(t *testing.T) (*fixture, *Projection) {
	f := newFixture(t)
	for i := range 6 {
		f.fact(events.PushSent, "big", "fcm", block(i*1000, 1000)...)
	}
	f.fact(events.DisplayShown, "big", "apns", block(0, 700)...)
	f.recall("big", "big", "recall", events.Scope{})
	for i := range 30 {
		id := fmt.Sprintf("p%02d", i)
		f.now = f.now.Add(7 * time.Hour)
		f.fact(events.PushSent, id, "fcm", "d1")
		f.recall(id, "r"+id, "recall", events.Scope{})
		f.raw(events.Subject(0, testApp, events.PushSent, id, ""), []byte("bad"))
	}
	return f, f.folded()
}

// paged reads a list to its end, calling between after every page.
func paged(t *testing.T, between func(), read func(Page) (ids []string, next string, err error)) []string {
	t.Helper()
	var all []string
	g := Page{Limit: 7}
	for {
		ids, next, err := read(g)
		if err != nil {
			t.Fatal(err)
		}
		if len(ids) > g.Limit {
			t.Fatalf("a page of %d has %d entries", g.Limit, len(ids))
		}
		all = append(all, ids...)
		if next == "" {
			return all
		}
		g.Cursor = next
		between()
	}
}

// The pages of a list make the whole list, also when things change meanwhile.
func TestListPages(t *testing.T) {
	f, p := filled(t)
	reads := map[string]func(Page) ([]string, string, error){
		"pushes": func(g Page) (ids []string, next string, err error) {
			list, next, err := p.Pushes(testApp, g, epoch)
			for i := range list {
				ids = append(ids, list[i].Push)
			}
			return ids, next, err
		},
		"recalls": func(g Page) (ids []string, next string, err error) {
			list, next, err := p.Recalls(testApp, g)
			for i := range list {
				ids = append(ids, list[i].Recall)
			}
			return ids, next, err
		},
		"quarantined": func(g Page) (ids []string, next string, err error) {
			list, next, _, err := p.Quarantined(g)
			for i := range list {
				ids = append(ids, list[i].Position.String())
			}
			return ids, next, err
		},
	}
	n := 0
	for name, read := range reads {
		whole, _, err := read(Page{Limit: MaxPage})
		if err != nil || len(whole) < 30 {
			t.Fatalf("%s: %d, %v", name, len(whole), err)
		}
		got := paged(t, func() {
			// What is new comes before the first page and is in none.
			n++
			id := fmt.Sprintf("z%d", n)
			f.fact(events.PushSent, id, "fcm", "d1")
			f.recall(id, id, "recall", events.Scope{})
			f.raw(events.Subject(0, testApp, events.PushSent, id, ""), []byte("bad"))
			f.catchUp(p)
			if err := p.Checkpoint(); n%2 == 0 && err != nil {
				t.Fatal(err)
			}
		}, read)
		if diff := cmp.Diff(got, whole); diff != "" {
			t.Errorf("%s by pages (-got +want):\n%s", name, diff)
		}
	}
	if list, _, err := p.Pushes(testApp, Page{}, epoch); err != nil || len(list) != DefaultPage && len(list) != 31+n {
		t.Errorf("the default page has %d pushes, %v", len(list), err)
	}
}

// A list of devices resumes exactly after its cursor, also while devices become
// and cease to be holders.
func TestDeviceCursors(t *testing.T) {
	f, p := filled(t)
	holders := func(h Holders, f func(Device) error) error {
		_, err := p.EachHolder(ctx(), testApp, "big", h, f)
		return err
	}
	var whole []string
	if err := holders(Holders{}, func(d Device) error {
		whole = append(whole, d.Channel+"/"+d.Device)
		return nil
	}); err != nil || len(whole) != 6700 {
		t.Fatalf("%d holders, %v", len(whole), err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	var got, clicked []string
	cursor := ""
	for len(got) < len(whole)-len(clicked) {
		left := 1 + rng.IntN(900)
		err := holders(Holders{Cursor: cursor}, func(d Device) error {
			if left--; left < 0 {
				return errStop
			}
			got, cursor = append(got, d.Channel+"/"+d.Device), d.Cursor
			return nil
		})
		if err == nil {
			break
		}
		if !errors.Is(err, errStop) {
			t.Fatal(err)
		}
		// One ahead clicks, one behind does, and a new one is at the end.
		ahead := fmt.Sprintf("b%d", 5990-len(clicked))
		if !slices.Contains(got, "fcm/"+ahead) {
			clicked = append(clicked, "fcm/"+ahead)
		}
		f.fact(events.ClickClicked, "big", "fcm", ahead, "b0")
		f.fact(events.DisplayShown, "big", "fcm", "b1")
		f.catchUp(p)
	}
	want := slices.DeleteFunc(slices.Clone(whole), func(d string) bool { return slices.Contains(clicked, d) })
	if !slices.Equal(got, want) {
		t.Errorf("resumed %d times: %d devices, want %d", len(clicked), len(got), len(want))
	}
	for _, bad := range []string{"x", "1", "1.", ".5", "300.1", "-1.0", "0.zzzzzzzz", "0.1.2"} {
		if err := holders(Holders{Cursor: bad}, nil); !errors.Is(err, ErrCursor) {
			t.Errorf("cursor %q: %v", bad, err)
		}
	}
	for _, bad := range []string{"~", "-1"} {
		_, _, errPushes := p.Pushes(testApp, Page{Cursor: bad}, epoch)
		_, _, _, errBad := p.Quarantined(Page{Cursor: bad})
		if !errors.Is(errPushes, ErrCursor) || !errors.Is(errBad, ErrCursor) {
			t.Errorf("cursor %q: %v, %v", bad, errPushes, errBad)
		}
	}
}

// A list stops when its reader goes away.
func TestListStops(t *testing.T) {
	_, p := filled(t)
	for _, each := range []func(f func(Device) error) (bool, error){
		func(f func(Device) error) (bool, error) { return p.EachHolder(ctx(), testApp, "big", Holders{}, f) },
		func(f func(Device) error) (bool, error) { return p.EachRecalled(ctx(), testApp, "big", "", "", f) },
	} {
		n := 0
		if known, err := each(func(Device) error { n++; return errStop }); !known || !errors.Is(err, errStop) || n != 1 {
			t.Errorf("stopped with %v after %d devices", err, n)
		}
	}
}
