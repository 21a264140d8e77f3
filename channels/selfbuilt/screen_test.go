package selfbuilt

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func pushes(s *screen) []string {
	var ps []string
	for _, n := range s.items {
		ps = append(ps, n.Push)
	}
	return ps
}

func TestInstructionSparesWhatTookTheSlot(t *testing.T) {
	s := newScreen()
	s.show(Notification{Push: "p1", Slot: "s"}, noon)
	reports, _ := s.show(Notification{Push: "p2", Slot: "s"}, noon)
	if !slices.Contains(reports, Report{Push: "p1", Fact: events.DisplayCleared, Time: noon}) {
		t.Errorf("reports %v, want p1 cleared by p2", reports)
	}
	for _, m := range []channels.Method{channels.Withhold, channels.Remove, channels.Overwrite} {
		reports, changed := s.instruct(Instruction{Recall: "r1", Push: "p1", Slot: "s", Method: m, Body: "x", Replacement: "p3"}, noon.Add(time.Hour))
		if changed || !slices.Equal(pushes(s), []string{"p2"}) {
			t.Errorf("%s: screen %v, want p2 alone", m, pushes(s))
		}
		if expected := []Report{{Push: "p1", Fact: events.DisplayCleared, Time: noon}}; !slices.Equal(reports, expected) {
			t.Errorf("%s: reports %v, want %v", m, reports, expected)
		}
	}
}

func TestWithholdLeavesWhatIsSeen(t *testing.T) {
	s := newScreen()
	s.show(Notification{Push: "p1"}, noon)
	reports, _ := s.instruct(Instruction{Recall: "r1", Push: "p1", Method: channels.Withhold}, noon)
	if !slices.Equal(pushes(s), []string{"p1"}) || !slices.Equal(reports, []Report{{Push: "p1", Confirmed: "r1", Time: noon}}) {
		t.Errorf("screen %v, reports %v", pushes(s), reports)
	}
	// A stronger recall comes later, and then the weaker one once more.
	s.instruct(Instruction{Recall: "r2", Push: "p1", Method: channels.Remove}, noon)
	_, changed := s.instruct(Instruction{Recall: "r1", Push: "p1", Method: channels.Withhold}, noon)
	if changed || len(s.items) != 0 {
		t.Errorf("screen %v", pushes(s))
	}
}

func TestOverrideOfAnUnseenPushShowsTheNewOne(t *testing.T) {
	s := newScreen()
	i := Instruction{Recall: "r1", Push: "p1", Method: channels.Overwrite, Body: "right price", Replacement: "p2"}
	s.instruct(i, noon)
	s.instruct(i, noon)
	s.show(Notification{Push: "p1"}, noon)
	if !slices.Equal(pushes(s), []string{"p2"}) || !slices.Equal(s.seen(), []string{"p2"}) {
		t.Errorf("screen %v, seen %v, want p2", pushes(s), s.seen())
	}
}

func TestBlankOverwriteRemoves(t *testing.T) {
	s := newScreen()
	s.show(Notification{Push: "p1"}, noon)
	s.instruct(Instruction{Recall: "r1", Push: "p1", Method: channels.Overwrite, Replacement: "p2"}, noon)
	if len(s.items) != 0 {
		t.Errorf("screen %v, want nothing", pushes(s))
	}
}

// Whatever the order and however often: a push taken back is not on the screen,
// and one the user ended is not confirmed.
func TestEveryOrderEndsTheSame(t *testing.T) {
	steps := map[string]func(s *screen) []Report{
		"show":  func(s *screen) []Report { r, _ := s.show(Notification{Push: "p1"}, noon); return r },
		"again": func(s *screen) []Report { r, _ := s.show(Notification{Push: "p1"}, noon); return r },
		"remove": func(s *screen) []Report {
			r, _ := s.instruct(Instruction{Recall: "r1", Push: "p1", Method: channels.Remove}, noon)
			return r
		},
		"repeat": func(s *screen) []Report {
			r, _ := s.instruct(Instruction{Recall: "r1", Push: "p1", Method: channels.Remove}, noon)
			return r
		},
		"click": func(s *screen) []Report { r, _ := s.end("p1", events.ClickClicked, noon); return r },
	}
	names := []string{"show", "again", "remove", "repeat", "click"}
	permute(names, func(order []string) {
		s := newScreen()
		var said []Report
		for _, n := range order {
			said = append(said, steps[n](s)...)
		}
		if len(s.items) != 0 {
			t.Errorf("%v: screen %v, want nothing", order, pushes(s))
		}
		clickedOnce := slices.Contains(said, Report{Push: "p1", Fact: events.ClickClicked, Time: noon})
		confirmedOnce := slices.Contains(said, Report{Push: "p1", Confirmed: "r1", Time: noon})
		if clickedOnce == confirmedOnce {
			t.Errorf("%v: clicked %v and confirmed %v, want one of them", order, clickedOnce, confirmedOnce)
		}
	})
}

func permute(names []string, visit func([]string)) {
	var walk func(done, left []string)
	walk = func(done, left []string) {
		if len(left) == 0 {
			visit(done)
			return
		}
		for i := range left {
			walk(append(slices.Clone(done), left[i]), slices.Delete(slices.Clone(left), i, i+1))
		}
	}
	walk(nil, names)
}

func TestMemoryIsBounded(t *testing.T) {
	s := newScreen()
	s.show(Notification{Push: "first"}, noon)
	var reports []Report
	for i := range MaxKnown {
		reports, _ = s.instruct(Instruction{Recall: "r1", Push: fmt.Sprint(i), Method: channels.Remove}, noon)
	}
	if len(s.known) != MaxKnown || len(s.order) != MaxKnown {
		t.Errorf("%d pushes known, want %d", len(s.known), MaxKnown)
	}
	if len(s.items) != 0 || !slices.Contains(reports, Report{Push: "first", Fact: events.DisplayCleared, Time: noon}) {
		t.Errorf("screen %v, reports %v; want the forgotten push cleared", pushes(s), reports)
	}
}

func TestOutbox(t *testing.T) {
	o := newOutbox()
	first := o.add(Report{Push: "p1", Fact: events.ClickClicked, Time: noon})
	if o.add(Report{Push: "p1", Fact: events.ClickClicked, Time: noon.Add(time.Hour)}) != first {
		t.Error("the same report waits twice")
	}
	if l := o.add(Report{Push: "p1", Confirmed: "r1", Time: time.Unix(0, 0)}); !l.report.Time.IsZero() {
		t.Errorf("the time of an unset clock is sent: %v", l.report.Time)
	}
	for i := range MaxReports {
		o.add(Report{Push: fmt.Sprint(i), Confirmed: "r1", Time: noon})
	}
	if n := len(o.batch()); n != MaxReports {
		t.Errorf("a batch of %d, want %d", n, MaxReports)
	}
	gone := errors.New("refused")
	o.settle(1, gone)
	select {
	case <-first.done:
	default:
		t.Error("the first letter is not settled")
	}
	if !errors.Is(first.err, gone) || len(o.letters) != MaxReports+1 || len(o.index) != MaxReports+1 {
		t.Errorf("%v, %d letters, %d indexed", first.err, len(o.letters), len(o.index))
	}
}

// The messages are read and written by other programs; their form never changes.
func TestWireGolden(t *testing.T) {
	for expected, v := range map[string]any{
		`{"push":"p1","slot":"s","title":"<b>","body":"B"}`: Notification{Push: "p1", Slot: "s", Title: "<b>", Body: "B"},
		`{"recall":"r1","push":"p1","slot":"s","method":"overwrite","title":"T","body":"B","replacement":"p2"}`: Instruction{
			Recall: "r1", Push: "p1", Slot: "s", Method: channels.Overwrite, Title: "T", Body: "B", Replacement: "p2",
		},
		`{"reports":[{"push":"p1","fact":"display.shown","time":"2026-11-20T12:00:00Z"},{"push":"p1","confirmed":"r1"}]}`: reportRequest{
			[]Report{{Push: "p1", Fact: events.DisplayShown, Time: noon}, {Push: "p1", Confirmed: "r1"}},
		},
		`{"ok":true}`: Answer{OK: true},
		`{"ok":true,"state":{"instructions":[{"recall":"r1","push":"p1","method":"remove"}],"notifications":[{"push":"p2"}],"more":true}}`: Answer{
			OK: true, State: &State{
				Instructions:  []Instruction{{Recall: "r1", Push: "p1", Method: channels.Remove}},
				Notifications: []Notification{{Push: "p2"}}, More: true,
			},
		},
		`{"error":"E","field":"reports[0].push"}`: Answer{Error: "E", Field: "reports[0].push"},
		`{"error":"E","retry_after_seconds":2}`:   Answer{Error: "E", RetryAfterSeconds: 2},
	} {
		got, err := encode(v)
		if err != nil || string(got) != expected {
			t.Errorf("got %s, %v, want %s", got, err, expected)
		}
	}
}

func FuzzParseReports(f *testing.F) {
	f.Add([]byte(`{"reports":[{"push":"p1","fact":"click.clicked","time":"2026-11-20T09:41:00Z"},{"push":"p1","confirmed":"r1"}]}`))
	f.Add([]byte(`{"reports":[{"push":7}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		reports, err := parseReports(data)
		if err != nil {
			var bad *events.FieldError
			if !errors.As(err, &bad) || bad.Field == "" {
				t.Fatalf("%v names no field", err)
			}
			return
		}
		b, err := json.Marshal(reportRequest{reports})
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > MaxReportBytes {
			return
		}
		again, err := parseReports(b)
		if err != nil || len(again) != len(reports) {
			t.Fatalf("%s does not come back: %v", b, err)
		}
	})
}
