package statistics

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/logtest"
	"github.com/recall-ledger/recall-ledger/events/memlog"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/span"
)

// accepted is when the log stores the recall of the story.
var accepted = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

// at is a time counted from the recall.
func at(seconds float64) time.Time {
	return accepted.Add(time.Duration(seconds * float64(time.Second)))
}

// entry is an event with the time at which it is stored.
type entry struct {
	stored time.Time
	event  *events.Event
}

func says(stored, happened float64, k events.Kind, push string, d events.Data) entry {
	return entry{at(stored), &events.Event{Header: events.Header{Kind: k, App: "shop", Push: push, Time: at(happened)}, Data: d}}
}

// fill returns a log of the entries, in their order.
func fill(t *testing.T, partition int, list []entry) *memlog.Log {
	t.Helper()
	now := at(-1000)
	log := memlog.New(memlog.Config{Partition: partition, Now: func() time.Time { return now }})
	for _, e := range list {
		now = e.stored
		logtest.Append(t, log, e.event)
	}
	return log
}

func read(t *testing.T, c Config, logs ...events.Log) *Report {
	t.Helper()
	if c.App == "" {
		c.App = "shop"
	}
	f := New(c)
	if err := f.Read(t.Context(), logs, span.Span{}, nil); err != nil {
		t.Fatal(err)
	}
	return f.Report()
}

func requested(id, action string) *events.Requested {
	return &events.Requested{Recall: id, Action: action, Deadline: at(86400)}
}

func command(id, channel, method string, late bool, devices ...string) *events.Command {
	return &events.Command{Recall: id, Channel: channel, Action: "recall", Method: method, Late: late, Devices: devices, Deadline: at(86400)}
}

func outcome(id, channel string, devices ...string) *events.Outcome {
	return &events.Outcome{Recall: id, Channel: channel, Devices: devices}
}

func fact(channel string, devices ...string) *events.Fact {
	return &events.Fact{Channel: channel, Devices: devices}
}

// story is a recall of push sale. Of apns a4 clicked first, a5 turned up late, a2
// clicked although it had been taken back, and the click of a1, told late, was
// before the recall. Nothing leads to s1.
func story() []entry {
	return []entry{
		says(-60, -60, events.PushCreated, "sale", &events.Created{Title: "90 %", Audience: events.Audience{Kind: "all"}, Slot: "s"}),
		says(-50, -50, events.PushSent, "sale", fact("apns", "a1", "a2", "a3", "a4")),
		says(-50, -50, events.PushSent, "sale", fact("sms", "s1")),
		says(0, 0, events.RecallRequested, "sale", requested("r1", "recall")),
		says(1, 1, events.CommandIssued, "sale", command("r1", "apns", "remove", false, "a1", "a2", "a3", "a4")),
		says(1, 1, events.CommandIssued, "sale", command("r1", "sms", "none", false, "s1")),
		says(1, 1, events.OutcomeUnsupported, "sale", outcome("r1", "sms", "s1")),
		says(2, 2, events.OutcomeAccepted, "sale", outcome("r1", "apns", "a1")),
		says(3, 1.5, events.ClickClicked, "sale", fact("apns", "a4")),
		says(3, 3, events.OutcomeSkipped, "sale", outcome("r1", "apns", "a4")),
		says(4, 4, events.OutcomeAccepted, "sale", outcome("r1", "apns", "a2")),
		says(10, 10, events.OutcomeAccepted, "sale", outcome("r1", "apns", "a3")),
		says(12, 12, events.OutcomeConfirmed, "sale", outcome("r1", "apns", "a3")),
		says(30, 20, events.ClickClicked, "sale", fact("apns", "a2")),
		says(30, -5, events.ClickClicked, "sale", fact("apns", "a1")),
		says(60, 60, events.PushSent, "sale", fact("apns", "a5")),
		says(60, 60, events.CommandIssued, "sale", command("r1", "apns", "remove", true, "a5")),
		says(61, 61, events.OutcomeAccepted, "sale", outcome("r1", "apns", "a5")),
		says(70, 70, events.RecallCompleted, "sale", &events.Closed{Recall: "r1"}),
	}
}

const second = time.Second

// figuresOfStory are computed by hand.
func figuresOfStory() Recall {
	apns := Figures{
		Holders: 5, Late: 1, Accepted: Times{4, 4 * second, 61 * second, 61 * second}, Confirmed: Times{1, 12 * second, 12 * second, 12 * second},
		Cleared: 4, ClearedShare: 1, ClicksAfter: 2, ClicksAfterShare: 0.4, Skipped: 1,
	}
	sms := Figures{Holders: 1, Unreachable: 1, UnreachableShare: 1}
	total := apns
	total.Holders, total.Unreachable, total.UnreachableShare = 6, 1, 1.0/6
	total.ClearedShare, total.ClicksAfterShare = 0.8, 2.0/6
	return Recall{
		Recall: "r1", Push: "sale", Action: "recall", State: ledger.Completed, At: accepted, ClosedAt: at(70),
		Channels: []Channel{{"apns", apns}, {"sms", sms}}, Total: total,
	}
}

func TestFigures(t *testing.T) {
	r := read(t, Config{}, fill(t, 0, story()))
	want := figuresOfStory()
	if diff := cmp.Diff([]Recall{want}, r.Recalls); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want.Total, r.Total); diff != "" {
		t.Error(diff)
	}
}

// Facts that come later, twice and in another order change no figure (L4).
func TestOrder(t *testing.T) {
	want := read(t, Config{}, fill(t, 0, story()))
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		var list []entry
		for _, e := range story() {
			if _, ok := e.event.Data.(*events.Fact); !ok {
				list = append(list, e)
				continue
			}
			for range 1 + random.IntN(3) {
				// Never before it happened.
				late := time.Duration(random.Int64N(int64(at(80).Sub(e.event.Time))))
				list = append(list, entry{e.event.Time.Add(late), e.event})
			}
		}
		slices.SortStableFunc(list, func(a, b entry) int { return a.stored.Compare(b.stored) })
		got := read(t, Config{}, fill(t, 0, list))
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Report{}, curve{})); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	}
}

func TestSelection(t *testing.T) {
	list := slices.Concat(story(), []entry{
		says(100, 100, events.RecallRequested, "sale", requested("r1", "recall")), // a second one with the id
		says(100, 100, events.RecallRequested, "sale", requested("r2", "shout")),  // no action of ours
		says(100, 100, events.RecallRequested, "news", requested("r3", "terminate")),
		says(100, 100, events.CommandIssued, "news", command("r1", "apns", "remove", false, "x")), // r1 is not of this push
		says(101, 101, events.OutcomeAccepted, "news", outcome("r3", "apns", "y")),                // never commanded
		says(102, 102, events.CommandIssued, "news", command("r3", "apns", "withhold", false, "y", "z")),
		says(103, 103, events.OutcomeRefused, "news", outcome("r3", "apns", "y")),
		says(104, 104, events.RecallAborted, "news", &events.Closed{Recall: "r3"}),
		says(105, 105, events.RecallCompleted, "news", &events.Closed{Recall: "r3"}), // the first end stands
		says(106, 106, events.ClickClicked, "news", fact("apns", "z")),               // after the abort
	})
	log := fill(t, 0, list)
	news := Figures{Holders: 2, Refused: 1, Open: 1}
	aborted := Recall{
		Recall: "r3", Push: "news", Action: "terminate", State: ledger.Aborted, At: at(100), ClosedAt: at(104), Channels: []Channel{{"apns", news}}, Total: news,
	}
	both := []Recall{figuresOfStory(), aborted}
	for name, c := range map[string]struct {
		config Config
		want   []Recall
	}{
		"all":            {Config{}, both},
		"push":           {Config{Push: "news"}, both[1:]},
		"recall":         {Config{Recall: "r1"}, both[:1]},
		"another's":      {Config{Push: "sale", Recall: "r3"}, []Recall{}},
		"unknown push":   {Config{Push: "x"}, []Recall{}},
		"unknown recall": {Config{Recall: "x"}, []Recall{}},
		"another app":    {Config{App: "other"}, []Recall{}},
	} {
		if diff := cmp.Diff(c.want, read(t, c.config, log).Recalls); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// The greater outcome stays, whenever it is told, and the first time of each.
func TestOutcomes(t *testing.T) {
	word := map[string]events.Kind{
		"accepted": events.OutcomeAccepted, "confirmed": events.OutcomeConfirmed, "refused": events.OutcomeRefused,
		"skipped": events.OutcomeSkipped, "expired": events.OutcomeExpired, "unsupported": events.OutcomeUnsupported,
	}
	two, three := Times{1, 2 * second, 2 * second, 2 * second}, Times{1, 3 * second, 3 * second, 3 * second}
	for told, want := range map[string]Figures{
		"":                    {Holders: 1, Open: 1},
		"accepted refused":    {Holders: 1, Accepted: two, Cleared: 1, ClearedShare: 1},
		"refused accepted":    {Holders: 1, Accepted: three, Cleared: 1, ClearedShare: 1},
		"accepted accepted":   {Holders: 1, Accepted: two, Cleared: 1, ClearedShare: 1},
		"confirmed accepted":  {Holders: 1, Accepted: three, Confirmed: two, Cleared: 1, ClearedShare: 1},
		"confirmed":           {Holders: 1, Confirmed: two, Cleared: 1, ClearedShare: 1},
		"refused skipped":     {Holders: 1, Refused: 1},
		"skipped expired":     {Holders: 1, Skipped: 1},
		"expired":             {Holders: 1, Expired: 1},
		"unsupported expired": {Holders: 1, Unreachable: 1, UnreachableShare: 1},
	} {
		list := []entry{
			says(0, 0, events.RecallRequested, "sale", requested("r1", "recall")),
			says(1, 1, events.CommandIssued, "sale", command("r1", "apns", "remove", false, "a1")),
		}
		for i, name := range strings.Fields(told) {
			list = append(list, says(float64(2+i), float64(2+i), word[name], "sale", outcome("r1", "apns", "a1")))
		}
		if diff := cmp.Diff(want, read(t, Config{}, fill(t, 0, list)).Total); diff != "" {
			t.Errorf("%q: %s", told, diff)
		}
	}
}

// A push lives in one of several partitions; all are searched.
func TestPartitions(t *testing.T) {
	other := []entry{
		says(-10, -10, events.RecallRequested, "news", requested("r0", "recall")),
		says(-9, -9, events.CommandIssued, "news", command("r0", "apns", "remove", false, "a1")),
		says(-8, -8, events.OutcomeAccepted, "news", outcome("r0", "apns", "a1")),
	}
	logs := []events.Log{fill(t, 0, story()), fill(t, 1, nil), fill(t, 2, other)}
	r := read(t, Config{}, logs...)
	if len(r.Recalls) != 2 || r.Recalls[0].Recall != "r0" || r.Total.Holders != 7 || r.Total.Accepted != (Times{5, 4 * second, 61 * second, 61 * second}) {
		t.Errorf("%+v", r)
	}
	var steps []uint64
	if err := New(Config{App: "shop"}).Read(t.Context(), logs, span.Span{}, func(done, total uint64) {
		steps = append(steps, done)
		if total != 22 {
			t.Errorf("total %d", total)
		}
	}); err != nil || len(steps) != 22 || steps[21] != 22 {
		t.Errorf("%v: %v", steps, err)
	}
}

func TestRange(t *testing.T) {
	log := fill(t, 0, story())
	for text, want := range map[string]Figures{
		"start:8":                   {Holders: 5, Accepted: Times{1, 2 * second, 2 * second, 2 * second}, Cleared: 1, ClearedShare: 0.2, Unreachable: 1, UnreachableShare: 0.2, Open: 3},
		"5":                         {},
		"@2026-11-20T10:00:00Z:end": figuresOfStory().Total,
		"@2026-11-20T10:00:00.001Z": {},
	} {
		s, err := span.Parse(text, accepted)
		if err != nil {
			t.Fatal(err)
		}
		f := New(Config{App: "shop"})
		if err := f.Read(t.Context(), []events.Log{log}, s, nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, f.Report().Total); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	s, err := span.Parse("90", accepted)
	if err != nil {
		t.Fatal(err)
	}
	var field *events.FieldError
	if err := New(Config{App: "shop"}).Read(t.Context(), []events.Log{log}, s, nil); !errors.As(err, &field) {
		t.Errorf("behind the end: %v", err)
	}
}

func TestLimit(t *testing.T) {
	log := fill(t, 0, story())
	var limit *LimitError
	err := New(Config{App: "shop", MaxNotifications: 5}).Read(t.Context(), []events.Log{log}, span.Span{}, nil)
	if !errors.As(err, &limit) || limit.Limit != 5 || !strings.Contains(err.Error(), "more than 5 notifications") {
		t.Errorf("%v", err)
	}
	read(t, Config{MaxNotifications: 6}, log)
}

// torn is a log that lost a message.
type torn struct {
	events.Log
	lost events.Seq
}

func (l torn) Read(ctx context.Context, r events.Range, handle func(events.Message) error) error {
	return l.Log.Read(ctx, r, func(m events.Message) error {
		if m.Seq == l.lost {
			return nil
		}
		return handle(m)
	})
}

func TestGap(t *testing.T) {
	log := fill(t, 3, story())
	for lost, word := range map[events.Seq]string{4: "3-4 is not there", 19: "3-19 is not there"} {
		err := New(Config{App: "shop"}).Read(t.Context(), []events.Log{torn{log, lost}}, span.Span{}, nil)
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%d: %v", lost, err)
		}
	}
}

// What the ledger quarantines is passed over.
func TestUnreadable(t *testing.T) {
	log := fill(t, 0, story())
	forged, err := events.Encode(says(80, 80, events.ClickClicked, "sale", fact("apns", "a3")).event)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []events.Record{
		{Subject: events.Subject(0, "shop", events.ClickClicked, "sale", ""), Data: []byte("{")},
		{Subject: events.Subject(0, "evil", events.ClickClicked, "sale", ""), Data: forged},
	} {
		if _, err := log.Append(t.Context(), []events.Record{r}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]Recall{figuresOfStory()}, read(t, Config{}, log).Recalls); diff != "" {
		t.Error(diff)
	}
}

func TestPercentiles(t *testing.T) {
	for n, want := range map[int]Times{
		0:   {},
		1:   {1, 1, 1, 1},
		2:   {2, 1, 2, 2},
		3:   {3, 2, 3, 3},
		13:  {13, 7, 13, 13},
		20:  {20, 10, 19, 20},
		100: {100, 50, 95, 99},
		101: {101, 51, 96, 100},
	} {
		var list []time.Duration
		for i := range n {
			list = append(list, time.Duration(n-i))
		}
		if got := times(list); got != want {
			t.Errorf("%d: %v, want %v", n, got, want)
		}
	}
}

func TestForms(t *testing.T) {
	r := read(t, Config{}, fill(t, 0, append(story(), says(90, 90, events.RecallRequested, "a,b", requested("r2", "cancel")))))
	b, err := json.Marshal(r.Recalls[0].Channels[1].Accepted)
	if want := `{"count":0,"t50_ms":null,"t95_ms":null,"t99_ms":null}`; err != nil || string(b) != want {
		t.Errorf("%s, want %s: %v", b, want, err)
	}
	if b, err = json.Marshal(r.Total.Accepted); err != nil || string(b) != `{"count":4,"t50_ms":4000,"t95_ms":61000,"t99_ms":61000}` {
		t.Errorf("%s: %v", b, err)
	}
	var out bytes.Buffer
	if err := r.CSV(&out); err != nil {
		t.Fatal(err)
	}
	want := `app,push,recall,action,device,user,state,at,closed_at,channel,holders,late,accepted,accepted_t50_ms,accepted_t95_ms,accepted_t99_ms,confirmed,confirmed_t50_ms,confirmed_t95_ms,confirmed_t99_ms,cleared,cleared_share,clicks_after,clicks_after_share,unreachable,unreachable_share,skipped,refused,expired,open
shop,sale,r1,recall,,,completed,2026-11-20T10:00:00Z,2026-11-20T10:01:10Z,apns,5,1,4,4000,61000,61000,1,12000,12000,12000,4,1.000000,2,0.400000,0,0.000000,1,0,0,0
shop,sale,r1,recall,,,completed,2026-11-20T10:00:00Z,2026-11-20T10:01:10Z,sms,1,0,0,,,,0,,,,0,0.000000,0,0.000000,1,1.000000,0,0,0,0
shop,"a,b",r2,cancel,,,running,2026-11-20T10:01:30Z,,,0,0,0,,,,0,,,,0,0.000000,0,0.000000,0,0.000000,0,0,0,0
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
