package export

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/logtest"
)

// began is when the log of the tests stores its first event, a minute before
// midnight; each later one is stored ten seconds after.
var began = time.Date(2026, 11, 19, 23, 59, 0, 0, time.UTC)

// story is a push over two channels, taken back after a click, and the day
// changing in between.
func story(t *testing.T) []Entry {
	t.Helper()
	var list []Entry
	add := func(k events.Kind, push string, data events.Data) {
		n := len(list)
		at := began.Add(time.Duration(n) * 10 * time.Second)
		e := &events.Event{Header: events.Header{Kind: k, App: "shop", Push: push, Time: at.Add(-time.Second)}, Data: data}
		raw := logtest.Record(t, 0, e).Data
		list = append(list, Entry{Position: events.Position{Seq: events.Seq(n + 1)}, Stored: at, Event: e, Raw: raw})
	}
	fact := func(channel string, devices ...string) *events.Fact {
		return &events.Fact{Channel: channel, Devices: devices}
	}
	deadline := began.Add(24 * time.Hour)
	add(events.PushCreated, "sale", &events.Created{Title: "90 %", Audience: events.Audience{Kind: "all"}})
	add(events.PushSent, "sale", &events.Fact{Channel: "apns", Devices: []string{"a", "b", "c"}, Users: []string{"ann", "", "cem"}})
	add(events.PushSent, "sale", fact("sms", "d"))
	add(events.DisplayShown, "sale", fact("apns", "a", "b"))
	add(events.ClickClicked, "sale", fact("apns", "a"))
	add(events.RecallRequested, "sale", &events.Requested{Recall: "r1", Action: "recall", By: "ops", Reason: "wrong, price", Deadline: deadline})
	add(events.CommandIssued, "sale", &events.Command{Recall: "r1", Channel: "apns", Action: "recall", Method: "remove", Devices: []string{"b", "c"}, Deadline: deadline})
	add(events.CommandIssued, "sale", &events.Command{Recall: "r1", Channel: "sms", Action: "recall", Method: "none", Devices: []string{"d"}, Deadline: deadline})
	add(events.OutcomeUnsupported, "sale", &events.Outcome{Recall: "r1", Channel: "sms", Devices: []string{"d"}, Reason: "no-way-back"})
	add(events.ClickClicked, "sale", fact("apns", "c"))
	add(events.OutcomeAccepted, "sale", &events.Outcome{Recall: "r1", Channel: "apns", Devices: []string{"b"}, Command: 7, Attempt: 1})
	add(events.OutcomeSkipped, "sale", &events.Outcome{Recall: "r1", Channel: "apns", Devices: []string{"c"}, Command: 7, Attempt: 1, Reason: "clicked"})
	add(events.OutcomeConfirmed, "sale", &events.Outcome{Recall: "r1", Channel: "apns", Devices: []string{"b"}})
	add(events.ClickClicked, "sale", fact("apns", "c"))
	add(events.RecallRefused, "sale", &events.Refused{Action: "recall", Code: "already-recalled", First: "r1", By: "ops"})
	add(events.PushSent, "other", fact("apns", "a"))
	add(events.KeyClaimed, "sale", &events.Key{Key: "my-key", Status: 202, Answer: "{}"})
	add(events.RecallCompleted, "sale", &events.Closed{Recall: "r1", By: "ledger"})
	return list
}

func config(dir string, f Format) Config {
	return Config{Dir: dir, Format: f, Source: "log-1", SegmentRows: 5}
}

// export exports a story in one go.
func export(t *testing.T, c Config, list []Entry) Manifest {
	t.Helper()
	x, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	take(t, x, list)
	if err := x.Finish(list[len(list)-1].Position); err != nil {
		t.Fatal(err)
	}
	return x.Manifest()
}

func take(t *testing.T, x *Export, list []Entry) {
	t.Helper()
	from, _ := x.Resume()
	if from.Seq == 0 {
		from.Seq = 1
	}
	if err := x.Begin(from, events.Position{}); err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.Position.Seq < from.Seq {
			continue
		}
		if err := x.Take(e); err != nil {
			t.Fatal(err)
		}
	}
}

// files returns what a folder holds, by path.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(b)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// readTable reads a table back by the Parquet reader.
func readTable[T any](t *testing.T, dir string, table Table) []T {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, string(table), "date=*", "channel=*", "*.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	var list []T
	for _, p := range paths {
		rows, err := parquet.ReadFile[T](p)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, rows...)
	}
	return list
}

func TestEvents(t *testing.T) {
	dir := t.TempDir()
	list := story(t)
	m := export(t, config(dir, Parquet), list)
	got := readTable[Event](t, dir, Events)
	slices.SortStableFunc(got, func(a, b Event) int { return int(a.Seq - b.Seq) })
	var want []Event
	for _, e := range list {
		rows, err := rows(e)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, rows...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if m.Events != 18 || m.Rows[Events] != int64(len(want)) || len(want) != 22 || m.Next.Seq != 19 || !m.Done || m.App != "shop" {
		t.Errorf("%+v, %d rows", m, len(want))
	}
	first, second, claim := want[0], want[1], want[len(want)-2]
	if first.Channel != "none" || first.Device != "" || !strings.Contains(first.Data, `"title":"90 %"`) || second.User != "ann" || second.Data != "" || claim.Data != "" {
		t.Errorf("%+v\n%+v\n%+v", first, second, claim)
	}
	for name := range files(t, dir) {
		if name != manifestName && !strings.Contains(name, "/date=2026-11-") {
			t.Errorf("the folder holds %s", name)
		}
	}
}

func TestNotificationsAndRecalls(t *testing.T) {
	dir := t.TempDir()
	export(t, config(dir, Parquet), story(t))
	at := func(n int) time.Time { return began.Add(time.Duration(n-1) * 10 * time.Second) }
	base := Notification{App: "shop", Push: "sale", Channel: "apns", FirstAt: at(2), SentAt: at(2), Holder: "no"}
	a, b, c, d := base, base, base, base
	a.Device, a.User, a.ShownAt, a.ClickedAt = "a", "ann", at(4), at(5)
	for _, n := range []*Notification{&b, &c, &d} {
		n.Recalls, n.Recall, n.Action, n.CommandedAt = 1, "r1", "recall", at(7)
	}
	b.Device, b.ShownAt, b.RemovedAt, b.Outcome, b.OutcomeAt = "b", at(4), at(13), "confirmed", at(13)
	c.Device, c.User, c.ClickedAt, c.Outcome, c.OutcomeAt, c.Reason = "c", "cem", at(10), "skipped", at(12), "clicked"
	d.Device, d.Channel, d.FirstAt, d.SentAt, d.CommandedAt = "d", "sms", at(3), at(3), at(8)
	d.Holder, d.Outcome, d.OutcomeAt, d.Reason = "possible", "unsupported", at(9), "no-way-back"
	other := Notification{App: "shop", Push: "other", Channel: "apns", Device: "a", FirstAt: at(16), SentAt: at(16), Holder: "possible"}
	got := readTable[Notification](t, dir, Notifications)
	if diff := cmp.Diff([]Notification{a, b, c, d, other}, got); diff != "" {
		t.Error(diff)
	}
	r := Recall{
		App: "shop", Push: "sale", Recall: "r1", Channel: "apns", Action: "recall", By: "ops", Reason: "wrong, price", At: at(6),
		Deadline: began.Add(24 * time.Hour), State: "completed", ClosedAt: at(18), Commanded: 2, Confirmed: 1, Skipped: 1, ClickedAfter: 1, LastOutcome: at(13),
	}
	s := r
	s.Channel, s.Commanded, s.Confirmed, s.Skipped, s.Unsupported, s.ClickedAfter, s.LastOutcome = "sms", 1, 0, 0, 1, 0, at(9)
	if diff := cmp.Diff([]Recall{r, s}, readTable[Recall](t, dir, Recalls)); diff != "" {
		t.Error(diff)
	}
}

// An export that is cut off anywhere, also while it writes, ends with the same
// files as one that is not, and what comes later is added.
func TestResume(t *testing.T) {
	list := story(t)
	for _, f := range Formats() {
		whole := t.TempDir()
		export(t, config(whole, f), list)
		for cut := range list {
			dir := t.TempDir()
			c := config(dir, f)
			x, err := Open(c)
			if err != nil {
				t.Fatal(err)
			}
			take(t, x, list[:cut])
			// What a crash leaves: a file half written, and one whose manifest is missing.
			torn := filepath.Join(dir, "events", "date=2026-11-19", "channel=apns", "x.parquet.tmp")
			if err := errors.Join(os.MkdirAll(filepath.Dir(torn), 0o700), os.WriteFile(torn, []byte("x"), 0o600)); err != nil {
				t.Fatal(err)
			}
			export(t, c, list)
			if diff := cmp.Diff(files(t, whole), files(t, dir)); diff != "" {
				t.Errorf("%s, cut off after %d: %s", f, cut, diff)
			}
		}
	}
	// Finished, and gone on with later: the rows are the same, in more files.
	dir := t.TempDir()
	export(t, config(dir, Parquet), list[:9])
	export(t, config(dir, Parquet), list)
	whole := t.TempDir()
	export(t, config(whole, Parquet), list)
	for _, table := range []Table{Notifications, Recalls} {
		if diff := cmp.Diff(readTable[any](t, whole, table), readTable[any](t, dir, table)); diff != "" {
			t.Errorf("%s: %s", table, diff)
		}
	}
	if a, b := len(readTable[Event](t, whole, Events)), len(readTable[Event](t, dir, Events)); a != b {
		t.Errorf("%d rows, want %d", b, a)
	}
}

// Events alone are gone on with where they were, without reading them again.
func TestResumeEventsAlone(t *testing.T) {
	c := config(t.TempDir(), NDJSON)
	c.Tables = []Table{Events}
	list := story(t)
	export(t, c, list[:9])
	x, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	if from, to := x.Resume(); from.Seq != 10 || to.Seq != 0 {
		t.Errorf("goes on at %s to %s", from, to)
	}
	take(t, x, list)
	if err := x.Finish(list[len(list)-1].Position); err != nil {
		t.Fatal(err)
	}
	if m := x.Manifest(); m.Events != 18 || m.Rows[Events] != 22 || m.Rows[Notifications] != 0 {
		t.Errorf("%+v", m)
	}
}

func TestText(t *testing.T) {
	for _, f := range []Format{NDJSON, CSV} {
		dir := t.TempDir()
		export(t, config(dir, f), story(t))
		all := files(t, dir)
		name := fmt.Sprintf("recalls/date=2026-11-19/channel=apns/part-0.%s", f)
		text := all[name]
		if f == NDJSON {
			var r Recall
			if err := json.Unmarshal([]byte(text), &r); err != nil || r.Reason != "wrong, price" || r.Confirmed != 1 {
				t.Errorf("%+v, %v", r, err)
			}
			continue
		}
		lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil || len(lines) != 2 {
			t.Fatalf("%q: %v", text, err)
		}
		got := map[string]string{}
		for i, name := range lines[0] {
			got[name] = lines[1][i]
		}
		if got["reason"] != "wrong, price" || got["confirmed"] != "1" || got["device"] != "" || got["requested_at"] != "2026-11-19T23:59:50Z" || got["late"] != "0" {
			t.Errorf("%v", got)
		}
	}
}

func TestRefused(t *testing.T) {
	list := story(t)
	full := t.TempDir()
	export(t, config(full, Parquet), list)
	strange := t.TempDir()
	if err := os.WriteFile(filepath.Join(strange, "diary.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	damaged := t.TempDir()
	if err := os.WriteFile(filepath.Join(damaged, manifestName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := files(t, full)
	for word, change := range map[string]func(*Config){
		"dir: is missing":                func(c *Config) { c.Dir = "" },
		`format: "xml" is none of`:       func(c *Config) { c.Format = "xml" },
		`tables: "x" is none of`:         func(c *Config) { c.Tables = []Table{"x"} },
		`tables: "events" is given`:      func(c *Config) { c.Tables = []Table{Events, Events} },
		"another log":                    func(c *Config) { c.Source = "log-2" },
		"another selection":              func(c *Config) { c.Selection = "push=x" },
		"of format parquet":              func(c *Config) { c.Format = CSV },
		"the tables [events notificatio": func(c *Config) { c.Tables = []Table{Events} },
		"something else (diary.txt)":     func(c *Config) { c.Dir = strange },
		"export.json is damaged":         func(c *Config) { c.Dir = damaged },
	} {
		c := config(full, Parquet)
		change(&c)
		if _, err := Open(c); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v", word, err)
		}
	}
	if diff := cmp.Diff(before, files(t, full)); diff != "" {
		t.Error(diff)
	}
	c := config(t.TempDir(), Parquet)
	c.MaxNotifications = 3
	x, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	var limit *LimitError
	for _, e := range list {
		if err = x.Take(e); err != nil {
			break
		}
	}
	if !errors.As(err, &limit) || limit.Limit != 3 {
		t.Errorf("beyond the limit: %v", err)
	}
}

// SCHEMA.md says what the files hold. UPDATE=1 writes it.
func TestSchema(t *testing.T) {
	b, err := os.ReadFile("SCHEMA.md")
	if err != nil {
		t.Fatal(err)
	}
	head, old, _ := strings.Cut(string(b), "\n## ")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("SCHEMA.md", []byte(head+Schema()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(Schema(), "\n## "+old); diff != "" {
		t.Errorf("run the test with UPDATE=1: %s", diff)
	}
	if !strings.Contains(head, "export.json") {
		t.Error("SCHEMA.md does not speak of export.json")
	}
	for _, c := range slices.Concat(Columns[Event](), Columns[Notification](), Columns[Recall]()) {
		if c.Name == "" || c.Doc == "" {
			t.Errorf("a column lacks its name or text: %+v", c)
		}
	}
}
