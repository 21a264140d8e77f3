package audit

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/logtest"
	"github.com/recall-ledger/recall-ledger/events/memlog"
	"github.com/recall-ledger/recall-ledger/projections"
)

var deadline = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// step is one event of a story about push p of app a.
type step struct {
	kind events.Kind
	data events.Data
}

func fact(k events.Kind, devices ...string) step {
	return step{k, &events.Fact{Channel: "fcm", Devices: devices}}
}

func command(r string, devices ...string) *events.Command {
	return &events.Command{Recall: r, Channel: "fcm", Action: "recall", Method: "overwrite", Devices: devices, Deadline: deadline}
}

func issued(r string, devices ...string) step {
	return step{events.CommandIssued, command(r, devices...)}
}

func redriven(r string, devices ...string) step {
	c := command(r, devices...)
	c.Redrive = true
	return step{events.CommandIssued, c}
}

func outcome(k events.Kind, r string, of events.Seq, devices ...string) step {
	return step{k, &events.Outcome{Recall: r, Channel: "fcm", Devices: devices, Command: of}}
}

// attempt is an outcome of command 6, of one of its deliveries.
func attempt(n int, k events.Kind, devices ...string) step {
	s := outcome(k, "r", 6, devices...)
	s.data.(*events.Outcome).Attempt = n
	return s
}

func requested(r, action string, s events.Scope) step {
	return step{events.RecallRequested, &events.Requested{Recall: r, Action: action, Scope: s, Deadline: deadline}}
}

func closed(k events.Kind, r string) step { return step{k, &events.Closed{Recall: r}} }

// head is what every story begins with, sequences 1 to 5: d1 to d4 hold the
// push, d5 clicked.
func head() []step {
	return []step{
		{events.PushCreated, &events.Created{Title: "t", Slot: "s", Audience: events.Audience{Kind: "all"}}},
		{events.PushSent, &events.Fact{Channel: "fcm", Devices: []string{"d1", "d2", "d3", "d4", "d5"}, Users: []string{"u", "", "", "", ""}}},
		fact(events.DisplayShown, "d1"),
		fact(events.ClickClicked, "d5"),
		requested("r", "recall", events.Scope{}),
	}
}

func logOf(t *testing.T, steps []step) *memlog.Log {
	t.Helper()
	log := memlog.New(memlog.Config{})
	for _, s := range steps {
		logtest.Append(t, log, &events.Event{Header: events.Header{Kind: s.kind, App: "a", Push: "p", Time: deadline.Add(-time.Hour)}, Data: s.data})
	}
	return log
}

func walked(t *testing.T, c Config) *Report {
	t.Helper()
	r, err := Walk(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestStories tells what may happen, and what must not: the first violation with
// the sequence of the event that breaks the promise.
func TestStories(t *testing.T) {
	all := []string{"d1", "d2", "d3", "d4"}
	accepted := outcome(events.OutcomeAccepted, "r", 6, all...)
	for name, c := range map[string]struct {
		steps []step
		check Check
		at    events.Seq
	}{
		"in order":             {[]step{issued("r", all...), accepted, closed(events.RecallCompleted, "r")}, "", 0},
		"told twice":           {[]step{issued("r", all...), accepted, accepted, outcome(events.OutcomeConfirmed, "r", 0, "d1")}, "", 0},
		"open":                 {[]step{issued("r", "d1")}, "", 0},
		"clicked and dropped":  {[]step{fact(events.ClickClicked, "d2"), issued("r", all...), outcome(events.OutcomeSkipped, "r", 7, "d2")}, "", 0},
		"clicked afterwards":   {[]step{issued("r", all...), fact(events.ClickClicked, "d2"), accepted}, "", 0},
		"late":                 {[]step{issued("r", all...), fact(events.PushSent, "d6"), issued("r", "d6")}, "", 0},
		"re-driven":            {[]step{issued("r", all...), outcome(events.OutcomeRefused, "r", 6, "d1"), redriven("r", "d1"), outcome(events.OutcomeAccepted, "r", 8, "d1")}, "", 0},
		"aborted":              {[]step{issued("r", "d1"), closed(events.RecallAborted, "r"), outcome(events.OutcomeSkipped, "r", 6, "d1")}, "", 0},
		"after an abort":       {[]step{closed(events.RecallAborted, "r"), requested("r2", "recall", events.Scope{}), issued("r2", all...)}, "", 0},
		"confirmed on its own": {[]step{issued("r", "d1"), outcome(events.OutcomeConfirmed, "r", 0, "d2")}, "", 0},

		"no recall":             {[]step{issued("x", "d1")}, Trace, 6},
		"outcome of no recall":  {[]step{outcome(events.OutcomeAccepted, "x", 6, "d1")}, Trace, 6},
		"outcome of no command": {[]step{issued("r", "d1"), outcome(events.OutcomeAccepted, "r", 6, "d2")}, Trace, 7},
		"another command":       {[]step{issued("r", "d1"), outcome(events.OutcomeAccepted, "r", 5, "d1")}, Trace, 7},
		"closes nothing":        {[]step{closed(events.RecallCompleted, "x")}, Trace, 6},
		"twice":                 {[]step{issued("r", "d1", "d2"), issued("r", "d2")}, Once, 7},
		"re-driven for nothing": {[]step{issued("r", "d1"), outcome(events.OutcomeAccepted, "r", 6, "d1"), redriven("r", "d1")}, Once, 8},
		"re-driven at once":     {[]step{redriven("r", "d1")}, Once, 6},
		"re-driven twice":       {[]step{issued("r", "d1"), outcome(events.OutcomeRefused, "r", 6, "d1"), redriven("r", "d1"), redriven("r", "d1")}, Once, 9},
		"clicked before recall": {[]step{issued("r", "d5")}, Widened, 6},
		"never sent":            {[]step{issued("r", "d7")}, Widened, 6},
		"taken by another":      {[]step{issued("r", all...), requested("r2", "terminate", events.Scope{}), issued("r2", "d2")}, Widened, 8},
		"forgotten":             {[]step{issued("r", "d1", "d2", "d3"), outcome(events.OutcomeAccepted, "r", 6, "d1", "d2", "d3"), closed(events.RecallCompleted, "r")}, Forgotten, 8},
		"forgotten late":        {[]step{issued("r", all...), accepted, fact(events.PushSent, "d6"), closed(events.RecallCompleted, "r")}, Forgotten, 9},
		"without outcome":       {[]step{issued("r", all...), closed(events.RecallCompleted, "r")}, Ended, 7},
		"two outcomes":          {[]step{issued("r", "d1"), outcome(events.OutcomeAccepted, "r", 6, "d1"), outcome(events.OutcomeSkipped, "r", 6, "d1")}, Ended, 8},
		"one attempt, twice":    {[]step{issued("r", "d1"), attempt(1, events.OutcomeSkipped, "d1"), attempt(1, events.OutcomeAccepted, "d1")}, Ended, 8},
		"called after a click":  {[]step{fact(events.ClickClicked, "d2"), issued("r", all...), outcome(events.OutcomeAccepted, "r", 7, "d2")}, Clicked, 8},
		"called after a clear":  {[]step{fact(events.DisplayCleared, "d2"), issued("r", all...), outcome(events.OutcomeRefused, "r", 7, "d2")}, Clicked, 8},
	} {
		r := walked(t, Config{Log: logOf(t, append(head(), c.steps...))})
		switch {
		case c.check == "" && r.Worst != nil:
			t.Errorf("%s: %+v", name, *r.Worst)
		case c.check != "" && (r.Worst == nil || r.Worst.Check != c.check || r.Worst.Position.Seq != c.at || r.Violations[c.check] == 0):
			t.Errorf("%s: %+v, want %s at %d", name, r.Worst, c.check, c.at)
		}
	}
}

// TestOvertaken: two deliveries of one command may say different things, in any
// order: who called a vendor and was held up tells it late. The greater one counts.
func TestOvertaken(t *testing.T) {
	for _, kinds := range [][2]events.Kind{
		{events.OutcomeSkipped, events.OutcomeAccepted}, {events.OutcomeAccepted, events.OutcomeSkipped}, {events.OutcomeRefused, events.OutcomeAccepted},
	} {
		steps := append(head(), issued("r", "d1"), attempt(1, kinds[0], "d1"), attempt(2, kinds[1], "d1"))
		r := walked(t, Config{Log: logOf(t, steps)})
		if r.Worst != nil || r.Overtaken != 1 || r.Outcomes["accepted"] != 1 {
			t.Errorf("%v: %+v, %d overtaken, outcomes %v", kinds, r.Worst, r.Overtaken, r.Outcomes)
		}
	}
}

// Scopes widen nothing: the device or the user's devices, and nobody else.
func TestScopes(t *testing.T) {
	for name, c := range map[string]struct {
		scope  events.Scope
		device string
		check  Check
	}{
		"device":       {events.Scope{Device: "d2"}, "d2", ""},
		"other device": {events.Scope{Device: "d2"}, "d1", Widened},
		"channel":      {events.Scope{Device: "d2", Channel: "apns"}, "d2", Widened},
		"user":         {events.Scope{User: "u"}, "d1", ""},
		"other user":   {events.Scope{User: "u"}, "d2", Widened},
	} {
		steps := append(head()[:4], requested("r", "recall", c.scope), issued("r", c.device))
		r := walked(t, Config{Log: logOf(t, steps)})
		if (c.check == "") != (r.Worst == nil) || r.Worst != nil && r.Worst.Check != c.check {
			t.Errorf("%s: %+v", name, r.Worst)
		}
	}
}

func TestFigures(t *testing.T) {
	r := walked(t, Config{Log: logOf(t, append(head(),
		fact(events.ClickClicked, "d2"), issued("r", "d1", "d2", "d3"), outcome(events.OutcomeSkipped, "r", 7, "d2"),
		outcome(events.OutcomeAccepted, "r", 7, "d1"), fact(events.PushSent, "d6")))})
	got := []uint64{r.Events, r.Recalls, r.Running, r.Planned, r.Late, r.Commanded, r.Owed, r.Released, r.Dropped}
	if diff := cmp.Diff([]uint64{10, 1, 1, 4, 1, 3, 2, 0, 1}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]uint64{"accepted": 1, "skipped": 1, "pending": 1}, r.Outcomes); diff != "" {
		t.Error(diff)
	}
	if r := walked(t, Config{Log: memlog.New(memlog.Config{})}); r.Events != 0 || r.Worst != nil || len(r.Anchors) != 0 {
		t.Errorf("an empty log: %+v", r)
	}
}

// edited is a log with some of its messages changed or gone, as no log of ours
// can be made: what verify is for.
type edited struct {
	*memlog.Log
	edit  func(events.Message) (events.Message, bool)
	first events.Seq
}

func (l edited) Read(ctx context.Context, r events.Range, handle func(events.Message) error) error {
	return l.Log.Read(ctx, r, func(m events.Message) error {
		if m, ok := l.edit(m); ok && m.Seq >= l.first {
			return handle(m)
		}
		return nil
	})
}

func (l edited) Info(ctx context.Context) (events.Info, error) {
	i, err := l.Log.Info(ctx)
	i.First = max(l.first, i.First)
	return i, err
}

func same(m events.Message) (events.Message, bool) { return m, true }

// long is a log of some blocks and a bit.
func long(t *testing.T) *memlog.Log {
	t.Helper()
	log := memlog.New(memlog.Config{})
	var records []events.Record
	for range 1000 {
		records = append(records, events.Record{Subject: events.Subject(0, "a", events.PushSent, "p", ""), Data: []byte(`{}`)})
	}
	for range 25 {
		if _, err := log.Append(t.Context(), records); err != nil {
			t.Fatal(err)
		}
	}
	return log
}

func TestGaps(t *testing.T) {
	log := logOf(t, head())
	for name, gone := range map[string]events.Seq{"begin": 1, "middle": 3, "end": 5} {
		r := walked(t, Config{Log: edited{log, func(m events.Message) (events.Message, bool) { return m, m.Seq != gone }, 0}})
		if r.Worst == nil || r.Worst.Check != Gap || r.Worst.Position.Seq != gone {
			t.Errorf("%s: %+v", name, r.Worst)
		}
	}
}

// One changed byte anywhere before an anchor is found, by the first anchor behind.
func TestChain(t *testing.T) {
	log := long(t)
	r := walked(t, Config{Log: log})
	if len(r.Anchors) != 3 || r.Anchors[0].Seq != 10_000 || r.Anchors[2].Seq != 25_000 || r.Anchors[0].Hash == r.Anchors[1].Hash {
		t.Fatalf("%+v", r.Anchors)
	}
	var file bytes.Buffer
	if err := WriteAnchors(&file, r.Anchors); err != nil {
		t.Fatal(err)
	}
	known, err := ReadAnchors(&file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.Anchors, known); diff != "" {
		t.Fatal(diff)
	}
	if again := walked(t, Config{Log: log, Anchors: known}); again.Worst != nil || again.Checked != 3 {
		t.Errorf("%+v, %d checked", again.Worst, again.Checked)
	}
	for at, want := range map[events.Seq]events.Seq{1: 10_000, 10_000: 10_000, 10_001: 20_000, 24_999: 25_000} {
		for name, change := range map[string]func(*events.Message){
			"body": func(m *events.Message) { m.Data = []byte(`[]`) }, "subject": func(m *events.Message) { m.Subject += "x" },
			// The border between the two moves, and no byte changes.
			"border": func(m *events.Message) { m.Subject, m.Data = m.Subject+"{", m.Data[1:] },
		} {
			r := walked(t, Config{Anchors: known, Log: edited{log, func(m events.Message) (events.Message, bool) {
				if m.Seq == at {
					change(&m)
				}
				return m, true
			}, 0}})
			if r.Worst == nil || r.Worst.Check != Chain || r.Worst.Position.Seq != want {
				t.Errorf("%s of %d: %+v", name, at, r.Worst)
			}
		}
	}
	// A log that lost its end, and one that has grown.
	if r := walked(t, Config{Log: logOf(t, head()), Anchors: known}); r.Worst == nil || r.Worst.Check != Chain {
		t.Errorf("lost its end: %+v", r.Worst)
	}
	short := walked(t, Config{Log: edited{log, same, 0}, Anchors: known[:1]})
	if short.Worst != nil || short.Checked != 1 {
		t.Errorf("grown: %+v", short.Worst)
	}
	// A log whose begin is past its age goes on from the first anchor it reaches.
	aged := edited{log, same, 10_001}
	if r := walked(t, Config{Log: aged, Anchors: known}); r.Worst != nil || r.Checked != 2 || r.Anchors[len(r.Anchors)-1] != known[2] {
		t.Errorf("aged: %+v, %d checked, %+v", r.Worst, r.Checked, r.Anchors)
	}
	if r := walked(t, Config{Log: aged}); r.Anchors[0].From != 10_001 || r.Checked != 0 {
		t.Errorf("aged, without anchors: %+v", r.Anchors)
	}
}

func TestAnchorsRefused(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	good := fmt.Sprintf(`{"from":1,"seq":5,"sha256":%q}`, sum)
	for text, word := range map[string]string{
		"":                                "no anchor",
		"x":                               "anchor 1: want",
		`{"from":1,"seq":5,"sha256":"a"}`: "anchor 1: want",
		strings.Replace(good, `"from":1`, `"from":9`, 1): "anchor 1: want",
		strings.Replace(good, `"seq"`, `"sequence"`, 1):  "anchor 1: want",
		good + "\n" + good: "anchor 2: sequence 5 does not follow",
	} {
		if list, err := ReadAnchors(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v, %v", text, list, err)
		}
	}
}

// The projection there is compared with one folded anew, and left as it is.
func TestRebuild(t *testing.T) {
	log := logOf(t, append(head(), issued("r", "d1", "d2", "d3", "d4")))
	other := logOf(t, append(head(), issued("r", "d1", "d2", "d3")))
	for name, c := range map[string]struct {
		from   events.Log
		events events.Seq
		same   bool
	}{"same": {log, 6, true}, "behind": {log, 3, true}, "another": {other, 6, false}} {
		dir := t.TempDir()
		p, err := projections.Open(t.Context(), projections.Config{Dir: dir, Log: c.from})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.from.Read(t.Context(), events.Range{To: c.events}, p.Apply); err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		report := walked(t, Config{Log: log, Rebuild: func(ctx context.Context, log events.Log) (*Rebuild, error) {
			return NewRebuild(ctx, log, dir, t.TempDir())
		}})
		if report.Rebuilt == nil || report.Rebuilt.Same != c.same || report.Rebuilt.Applied.Seq != c.events || (report.Violations[Projection] == 0) != c.same {
			t.Errorf("%s: %+v, %v", name, report.Rebuilt, report.Violations)
		}
	}
	if _, err := NewRebuild(t.Context(), edited{log, same, 3}, t.TempDir(), t.TempDir()); err != ErrAged { //nolint:errorlint // it is returned as it is
		t.Errorf("a log past its age: %v", err)
	}
}
