package whatif

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/logtest"
	"github.com/recall-ledger/recall-ledger/events/memlog"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// clock is a time of the day of the tests, as 10:04:04.
func clock(s string) time.Time {
	t, err := time.Parse(time.DateTime, "2026-11-20 "+s)
	if err != nil {
		panic(err)
	}
	return t
}

// entry is an event with the time at which it is stored.
type entry struct {
	stored time.Time
	event  *events.Event
}

func says(at string, k events.Kind, d events.Data) entry {
	t := clock(at)
	return entry{t, &events.Event{Header: events.Header{Kind: k, App: "shop", Push: "sale", Time: t}, Data: d}}
}

// fill returns a log of the entries, in their order.
func fill(t *testing.T, partition int, list []entry) *memlog.Log {
	t.Helper()
	now := clock("00:00:00")
	log := memlog.New(memlog.Config{Partition: partition, Now: func() time.Time { return now }})
	for _, e := range list {
		now = e.stored
		logtest.Append(t, log, e.event)
	}
	return log
}

func replay(t *testing.T, c Config, logs ...events.Log) (*Report, error) {
	t.Helper()
	if c.Push == "" {
		c.App, c.Push = "shop", "sale"
	}
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Read(t.Context(), logs, nil); err != nil {
		t.Fatal(err)
	}
	return r.Report()
}

func parsed(t *testing.T, text string) Moment {
	t.Helper()
	m, err := ParseMoment(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func fact(channel string, devices ...string) *events.Fact {
	return &events.Fact{Channel: channel, Devices: devices}
}

func requested(id, action string) *events.Requested {
	return &events.Requested{Recall: id, Action: action, Deadline: clock("23:00:00")}
}

func command(id, channel string, m channels.Method, devices ...string) *events.Command {
	return &events.Command{Recall: id, Channel: channel, Action: "recall", Method: string(m), Devices: devices, Deadline: clock("23:00:00")}
}

func outcome(id, channel string, devices ...string) *events.Outcome {
	return &events.Outcome{Recall: id, Channel: channel, Devices: devices}
}

func created() entry {
	return says("10:00:00", events.PushCreated, &events.Created{Title: "90 %", Audience: events.Audience{Kind: "all"}, Slot: "s"})
}

// facts are what happened to seven devices: a clicked, b and c stood displayed, d
// was cleared by its user, e reported no display, f stood displayed. g has a text
// message.
func facts() []entry {
	return []entry{
		says("10:00:10", events.PushSent, fact("apns", "a", "b", "c", "d", "e", "f")),
		says("10:00:10", events.PushSent, fact("sms", "g")),
		says("10:00:20", events.DeliveryDelivered, fact("apns", "a", "b", "d", "e")),
		says("10:01:00", events.DisplayShown, fact("apns", "a", "b")),
		says("10:02:00", events.DisplayShown, fact("apns", "d", "f")),
		says("10:03:00", events.DisplayCleared, fact("apns", "d")),
		says("10:05:00", events.ClickClicked, fact("apns", "a")),
		says("10:07:00", events.ClickClicked, fact("sms", "g")),
		says("10:08:00", events.DisplayShown, fact("apns", "c")),
	}
}

// recalled is the recall there was: b and e were accepted after 4 s, c after 6 s
// and confirmed after 10 s, f was refused; h turned up late.
func recalled() []entry {
	late := command("r1", "apns", channels.Remove, "h")
	late.Late = true
	return []entry{
		says("10:10:00", events.RecallRequested, requested("r1", "recall")),
		says("10:10:01", events.CommandIssued, command("r1", "apns", channels.Remove, "b", "c", "e", "f")),
		says("10:10:04", events.OutcomeAccepted, outcome("r1", "apns", "b", "e")),
		says("10:10:06", events.OutcomeAccepted, outcome("r1", "apns", "c")),
		says("10:10:10", events.OutcomeConfirmed, outcome("r1", "apns", "c")),
		says("10:10:10", events.OutcomeRefused, outcome("r1", "apns", "f")),
		says("10:15:00", events.CommandIssued, late),
		says("10:15:01", events.OutcomeAccepted, outcome("r1", "apns", "h")),
		says("10:20:00", events.RecallCompleted, &events.Closed{Recall: "r1"}),
	}
}

func story() []entry { return slices.Concat([]entry{created()}, facts(), recalled()) }

// happened is what happened on both channels of the story: the displays of b (544
// s), c (130 s), d (60 s), a (240 s), and f up to the newest event (1080 s).
func happened() (apns, sms Figures) {
	return Figures{Notifications: 7, Clicks: 1, Displays: 5, Exposure: 2_054_000, OnScreen: 1}, Figures{Notifications: 1, Clicks: 1}
}

func TestSaved(t *testing.T) {
	log := fill(t, 0, story())
	for at, c := range map[string]struct {
		recallAt                   string
		clicks, displays, exposure int
		notEarlier                 bool
	}{
		// Cleared at 10:04:04: a's last 56 s, b's last 360 s, all of c.
		"-6m":                  {"10:04:00", 1, 1, 546_000, false},
		"2026-11-20T10:04:00Z": {"10:04:00", 1, 1, 546_000, false},
		"+4m":                  {"10:04:00", 1, 1, 546_000, false},
		// Cleared at 10:00:04, before anything was displayed: all but f.
		"+0s": {"10:00:00", 1, 4, 974_000, false},
		// Cleared just when a clicks: not saved. b's last 304 s, all of c.
		"+4m56s": {"10:04:56", 0, 1, 434_000, false},
		// Cleared at 10:09:04: b's last 60 s, c's last 66 s.
		"-1m":                       {"10:09:00", 0, 0, 126_000, false},
		"2026-11-20T12:10:00+02:00": {"10:10:00", 0, 0, 0, true},
		"+3h":                       {"13:00:00", 0, 0, 0, true},
	} {
		r, err := replay(t, Config{At: parsed(t, at)}, log)
		if err != nil {
			t.Fatal(err)
		}
		apns, sms := happened()
		apns.ClicksSaved, apns.DisplaysSaved, apns.ExposureSaved = c.clicks, c.displays, Exposure(c.exposure)
		total := apns
		total.Notifications, total.Clicks = 8, 2
		want := &Report{
			App: "shop", Push: "sale", Start: clock("10:00:00"), AsOf: clock("10:20:00"), RecallAt: clock(c.recallAt), NotEarlier: c.notEarlier,
			Real: &Real{Recall: "r1", Action: "recall", State: ledger.Completed, At: clock("10:10:00")},
			Channels: []Channel{
				{Channel: "apns", Method: channels.Remove, Clear: 4 * time.Second, ClearFrom: FromRecall, Figures: apns},
				{Channel: "sms", Method: channels.None, ClearFrom: Unknown, Figures: sms},
			},
			Total: total,
		}
		want.Channels[0].Silent, want.Total.Silent = 1, 1
		if diff := cmp.Diff(want, r); diff != "" {
			t.Errorf("%s: %s", at, diff)
		}
	}
}

// Facts that come later, twice and in another order change nothing (L4).
func TestOrder(t *testing.T) {
	config := Config{At: parsed(t, "-6m")}
	want, err := replay(t, config, fill(t, 0, story()))
	if err != nil {
		t.Fatal(err)
	}
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
				late := time.Duration(random.Int64N(int64(clock("10:30:00").Sub(e.event.Time))))
				list = append(list, entry{e.event.Time.Add(late), e.event})
			}
		}
		slices.SortStableFunc(list, func(a, b entry) int { return a.stored.Compare(b.stored) })
		got, err := replay(t, config, fill(t, 0, list))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("seed %d: %v %s", seed, err, diff)
		}
	}
}

// What was not recalled is judged by the matrix and by the time given.
func TestWithoutRecall(t *testing.T) {
	aborted := []entry{
		says("10:10:00", events.RecallRequested, requested("r1", "recall")),
		says("10:10:01", events.RecallAborted, &events.Closed{Recall: "r1"}),
	}
	one := requested("r2", "recall")
	one.Scope = events.Scope{Device: "x", Channel: "apns"}
	for name, more := range map[string][]entry{
		"never":   {},
		"aborted": aborted,
		"scoped":  {says("10:10:00", events.RecallRequested, one)},
		"cancel":  {says("10:10:00", events.RecallRequested, requested("r3", "cancel"))},
	} {
		log := fill(t, 0, slices.Concat([]entry{created()}, facts(), more, []entry{says("10:20:00", events.DeliveryDelivered, fact("apns", "e"))}))
		r, err := replay(t, Config{At: parsed(t, "2026-11-20T10:04:00Z"), Clear: 30 * time.Second}, log)
		if err != nil {
			t.Fatal(err)
		}
		// Cleared at 10:04:30: a's last 30 s; b, c and f up to 10:20, c all of it.
		want := Figures{
			Notifications: 6, Clicks: 1, ClicksSaved: 1, Displays: 5, DisplaysSaved: 1, Silent: 1, OnScreen: 3,
			Exposure: Exposure(240+1140+720+60+1080) * 1000, ExposureSaved: Exposure(30+930+720+930) * 1000,
		}
		if diff := cmp.Diff(Channel{Channel: "apns", Method: channels.Remove, Clear: 30 * time.Second, ClearFrom: Given, Figures: want}, r.Channels[0]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if sms := r.Channels[1]; sms.Method != channels.None || sms.ClicksSaved != 0 || r.Real != nil || r.NotEarlier {
			t.Errorf("%s: %+v", name, r)
		}
		var never *NoRecallError
		if _, err := replay(t, Config{At: parsed(t, "+4m")}, log); !errors.As(err, &never) || never.Moment != "" {
			t.Errorf("%s, without a time to clear: %v", name, err)
		}
		if _, err := replay(t, Config{At: parsed(t, "-4m"), Clear: time.Second}, log); !errors.As(err, &never) || never.Moment != "-4m" {
			t.Errorf("%s, relative to it: %v", name, err)
		}
	}
}

// A terminate saves who had not got it yet, and nobody else; the recall that came
// after it is the one to compare with.
func TestWithheld(t *testing.T) {
	list := []entry{
		created(),
		says("10:00:10", events.PushSent, fact("apns", "a", "b", "c")),
		says("10:01:00", events.DisplayShown, fact("apns", "a")),
		says("10:03:00", events.DeliveryDelivered, fact("apns", "b")),
		says("10:05:00", events.DisplayShown, fact("apns", "b")),
		says("10:06:00", events.ClickClicked, fact("apns", "b")),
		says("10:10:00", events.RecallRequested, requested("r1", "terminate")),
		says("10:10:00", events.CommandIssued, command("r1", "apns", channels.Withhold, "c")),
		says("10:10:02", events.OutcomeAccepted, outcome("r1", "apns", "c")),
		says("10:11:00", events.DisplayShown, fact("apns", "c")), // the vendor could not stop it
	}
	log := fill(t, 0, list)
	// Until 10:11 a stood displayed for 600 s, b for 60 s, c for none.
	base := Figures{Notifications: 3, Clicks: 1, Displays: 3, Exposure: 660_000, OnScreen: 2}
	for at, want := range map[string]Figures{
		"+1m": {ClicksSaved: 1, DisplaysSaved: 2, ExposureSaved: 60_000}, // in force at 10:01:02: b and c
		"+3m": {DisplaysSaved: 1},                                        // b had got it
	} {
		want.Notifications, want.Clicks, want.Displays, want.Exposure, want.OnScreen = base.Notifications, base.Clicks, base.Displays, base.Exposure, base.OnScreen
		r, err := replay(t, Config{At: parsed(t, at)}, log)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, r.Total); diff != "" || r.Channels[0].Method != channels.Withhold || r.Channels[0].Clear != 2*time.Second {
			t.Errorf("%s: %s\n%+v", at, diff, r)
		}
	}
	list = append(list,
		says("10:12:00", events.RecallRequested, requested("r2", "recall")),
		says("10:12:00", events.CommandIssued, command("r2", "apns", channels.Remove, "a", "c")),
		says("10:12:07", events.OutcomeAccepted, outcome("r2", "apns", "a", "c")))
	r, err := replay(t, Config{At: parsed(t, "-1m")}, fill(t, 0, list))
	if err != nil || r.Real.Recall != "r2" || r.Channels[0].Clear != 7*time.Second || r.Total.ExposureSaved != 120_000 {
		t.Errorf("%+v, %v", r, err)
	}
}

// What a forced override shows beside the notification takes nothing away.
func TestForced(t *testing.T) {
	d := command("r1", "apns", channels.Overwrite, "a")
	d.Forced = true
	q := requested("r1", "override")
	q.Replacement = &events.Replacement{Push: "new", Title: "9 %", Force: true}
	log := fill(t, 0, []entry{
		created(),
		says("10:01:00", events.DisplayShown, fact("apns", "a")),
		says("10:10:00", events.RecallRequested, q),
		says("10:10:00", events.CommandIssued, d),
		says("10:10:02", events.OutcomeAccepted, outcome("r1", "apns", "a")),
		says("10:11:00", events.RecallCompleted, &events.Closed{Recall: "r1"}),
	})
	r, err := replay(t, Config{At: parsed(t, "-5m")}, log)
	want := Figures{Notifications: 1, Displays: 1, Exposure: 600_000, OnScreen: 1}
	if diff := cmp.Diff(want, r.Total); diff != "" || err != nil || !r.Channels[0].Forced {
		t.Errorf("%s %+v, %v", diff, r, err)
	}
}

// A push lives in one of several partitions; other pushes and apps of it do not
// count.
func TestPartitions(t *testing.T) {
	list := story()
	for _, e := range story() {
		other := *e.event
		other.App = "other"
		list = append(list, entry{clock("10:40:00"), &other})
		another := *e.event
		another.Push = "another"
		list = append(list, entry{clock("10:40:00"), &another})
	}
	config := Config{At: parsed(t, "-6m")}
	want, err := replay(t, config, fill(t, 0, story()))
	if err != nil {
		t.Fatal(err)
	}
	got, err := replay(t, config, fill(t, 0, nil), fill(t, 1, list), fill(t, 2, nil))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestRefused(t *testing.T) {
	log := fill(t, 0, story())
	if _, err := replay(t, Config{App: "shop", Push: "x", At: parsed(t, "+1m")}, log); !errors.Is(err, ErrUnknownPush) {
		t.Errorf("unknown push: %v", err)
	}
	if _, err := replay(t, Config{App: "other", Push: "sale", At: parsed(t, "+1m")}, log); !errors.Is(err, ErrUnknownPush) {
		t.Errorf("another app: %v", err)
	}
	var early *TooEarlyError
	for _, at := range []string{"-11m", "2026-11-20T09:59:59Z"} {
		if _, err := replay(t, Config{At: parsed(t, at)}, log); !errors.As(err, &early) || !early.Start.Equal(clock("10:00:00")) {
			t.Errorf("%s: %v", at, err)
		}
	}
	for field, c := range map[string]Config{
		"push":  {},
		"clear": {Push: "sale", Clear: -1},
	} {
		var bad *events.FieldError
		if _, err := New(c); !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	r, err := New(Config{App: "shop", Push: "sale", MaxNotifications: 7})
	if err != nil {
		t.Fatal(err)
	}
	var limit *LimitError
	if err := r.Read(t.Context(), []events.Log{log}, nil); !errors.As(err, &limit) || limit.Limit != 7 {
		t.Errorf("beyond the limit: %v", err)
	}
}

func TestMoments(t *testing.T) {
	for _, text := range []string{"+5m", "-1h30m", "+0s", "2026-11-20T09:41:00+08:00"} {
		if m := parsed(t, text); m.String() != text {
			t.Errorf("%s is written %s", text, m)
		}
	}
	for _, text := range []string{"", "5m", "-0s", "+", "-", "+5", "--5m", "+-5m", "noon", "2026-11-20", "09:41", "-1d"} {
		if m, err := ParseMoment(text); err == nil {
			t.Errorf("%q is read as %+v", text, m)
		}
	}
}

func TestJSON(t *testing.T) {
	r, err := replay(t, Config{At: parsed(t, "-6m")}, fill(t, 0, story()))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{
		`"recall_at":"2026-11-20T10:04:00Z"`, `"channel":"apns","method":"remove","clear_ms":4000,"clear_from":"recall","notifications":7,`,
		`"channel":"sms","method":"none","clear_ms":null,"clear_from":"unknown",`, `"exposure_seconds":2054,"exposure_saved_seconds":546,`,
	} {
		if !strings.Contains(string(b), word) {
			t.Errorf("%s is missing in %s", word, b)
		}
	}
}

// The exposure of a large push is more than a duration holds.
func TestLongExposure(t *testing.T) {
	var f Figures
	for range 1000 {
		f.add(Figures{Exposure: exposure(momentOf(clock("00:00:00")), momentOf(clock("00:00:00").AddDate(100, 0, 0)))})
	}
	if b, err := json.Marshal(f.Exposure); err != nil || string(b) != "3155673600000" {
		t.Errorf("%s, %v", b, err)
	}
}

// The typical time is of those the recall was planned for, by nearest rank.
func TestTypical(t *testing.T) {
	late := command("r1", "apns", channels.Remove, "x", "y", "z")
	late.Late = true
	begun := []entry{
		created(),
		says("10:01:00", events.DisplayShown, fact("apns", "a", "b")),
		says("10:10:00", events.RecallRequested, requested("r1", "recall")),
	}
	commanded := says("10:10:01", events.CommandIssued, command("r1", "apns", channels.Remove, "a", "b"))
	for name, c := range map[string]struct {
		more []entry
		want time.Duration
		from Source
	}{
		"of two the faster": {[]entry{
			commanded, says("10:10:02", events.OutcomeAccepted, outcome("r1", "apns", "a")), says("10:10:08", events.OutcomeAccepted, outcome("r1", "apns", "b")),
		}, 2 * time.Second, FromRecall},
		"late ones do not count": {[]entry{
			commanded, says("10:10:08", events.OutcomeAccepted, outcome("r1", "apns", "b")),
			says("11:00:00", events.CommandIssued, late), says("11:00:01", events.OutcomeAccepted, outcome("r1", "apns", "x", "y", "z")),
		}, 8 * time.Second, FromRecall},
		"nor who was not commanded": {[]entry{
			commanded, says("10:10:08", events.OutcomeAccepted, outcome("r1", "apns", "b")), says("10:20:00", events.OutcomeConfirmed, outcome("r1", "apns", "x", "y", "z")),
		}, 8 * time.Second, FromRecall},
		"nobody cleared": {[]entry{commanded}, time.Minute, Given},
	} {
		r, err := replay(t, Config{At: parsed(t, "+2m"), Clear: time.Minute}, fill(t, 0, slices.Concat(begun, c.more)))
		if err != nil || r.Channels[0].Clear != c.want || r.Channels[0].ClearFrom != c.from {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// A device that confirms shows it no longer, whatever was asked of its vendor.
func TestConfirmed(t *testing.T) {
	list := []entry{
		created(),
		says("10:01:00", events.DisplayShown, fact("apns", "a")),
		says("10:10:00", events.RecallRequested, requested("r1", "terminate")),
		says("10:10:00", events.CommandIssued, command("r1", "apns", channels.Withhold, "a")),
		says("10:10:01", events.OutcomeConfirmed, outcome("r1", "apns", "a")),
		says("10:30:00", events.RecallCompleted, &events.Closed{Recall: "r1"}),
	}
	r, err := replay(t, Config{At: parsed(t, "+1s")}, fill(t, 0, list))
	want := Figures{Notifications: 1, Displays: 1, DisplaysSaved: 1, Exposure: 541_000, ExposureSaved: 541_000}
	if diff := cmp.Diff(want, r.Total); diff != "" || err != nil {
		t.Errorf("%s, %v", diff, err)
	}
}
