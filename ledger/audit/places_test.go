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
)

const several = 3

// pushIn returns the nth push id that belongs to a partition.
func pushIn(part, nth int) string {
	for i := 0; ; i++ {
		id := fmt.Sprintf("p%d", i)
		if events.PartitionOf("a", id, several) != part {
			continue
		}
		if nth--; nth < 0 {
			return id
		}
	}
}

// scene is one event of a story over partitions.
type scene struct {
	partition int
	push      string
	// at is when it is stored, in seconds of the story.
	at int
	step
}

// logsOf stores the scenes in order and returns the logs of all partitions.
func logsOf(t *testing.T, scenes []scene) []events.Log {
	t.Helper()
	now := deadline.Add(-time.Hour)
	var logs []events.Log
	for i := range several {
		logs = append(logs, memlog.New(memlog.Config{Partition: i, Now: func() time.Time { return now }}))
	}
	for _, s := range scenes {
		now = deadline.Add(-time.Hour + time.Duration(s.at)*time.Second)
		e := &events.Event{Header: events.Header{Kind: s.kind, App: "a", Push: s.push, Time: now}, Data: s.data}
		if err := events.Check(e); err != nil {
			t.Fatal(err)
		}
		data, err := events.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		channel := ""
		if c, ok := s.data.(*events.Command); ok {
			channel = c.Channel
		}
		subject := events.Subject(s.partition, "a", s.kind, s.push, channel)
		if k, ok := s.data.(*events.Key); ok {
			subject = events.KeySubject(s.partition, "a", k.Key)
		}
		if _, err := logs[s.partition].Append(t.Context(), []events.Record{{Subject: subject, Data: data}}); err != nil {
			t.Fatal(err)
		}
	}
	return logs
}

// TestPartitions tells what may happen between partitions, and what must not.
func TestPartitions(t *testing.T) {
	old, successor := pushIn(1, 0), pushIn(2, 0)
	override := func(to string) step {
		return step{events.RecallRequested, &events.Requested{
			Recall: "r", Action: "override", Deadline: deadline, Replacement: &events.Replacement{Push: to, Title: "new"},
		}}
	}
	created := step{events.PushCreated, &events.Created{Title: "new", Slot: "s", Replaces: old, Audience: events.Audience{Kind: "all"}}}
	told := issued("r", "d1")
	told.data.(*events.Command).Action = "override"
	told.data.(*events.Command).Replacement = successor
	sent := scene{1, old, 0, fact(events.PushSent, "d1")}
	asked := scene{1, old, 20, override(successor)}
	home := events.KeyPartition("a", "k", several)
	claim := step{events.KeyClaimed, &events.Key{Key: "k", Fingerprint: "f"}}
	for name, c := range map[string]struct {
		scenes []scene
		check  Check
		at     events.Position
		// successors and open are the figures of the recall's partition.
		successors, open uint64
	}{
		"in order":                {[]scene{sent, asked, {2, successor, 21, created}, {1, old, 22, told}}, "", events.Position{}, 1, 0},
		"nobody told yet":         {[]scene{sent, asked}, "", events.Position{}, 1, 1},
		"known by a fact":         {[]scene{sent, asked, {2, successor, 21, fact(events.PushSent, "d9")}, {1, old, 22, told}}, "", events.Position{}, 1, 0},
		"clocks that differ":      {[]scene{sent, asked, {2, successor, 13, created}, {1, old, 12, told}}, "", events.Position{}, 1, 0},
		"of its own partition":    {[]scene{sent, {1, old, 20, override(pushIn(1, 1))}}, "", events.Position{}, 0, 0},
		"a recall of nothing":     {[]scene{asked}, "", events.Position{}, 0, 0},
		"a key at home":           {[]scene{{home, pushIn((home+1)%several, 0), 0, claim}}, "", events.Position{}, 0, 0},
		"a key with its push":     {[]scene{{(home + 1) % several, pushIn((home+1)%several, 0), 0, claim}}, "", events.Position{}, 0, 0},
		"told without it":         {[]scene{sent, asked, {1, old, 22, told}}, Succeeded, events.Position{Partition: 1, Seq: 3}, 1, 0},
		"told before it":          {[]scene{sent, asked, {1, old, 22, told}, {2, successor, 33, created}}, Succeeded, events.Position{Partition: 1, Seq: 3}, 1, 0},
		"there before the recall": {[]scene{{2, successor, 9, created}, sent, asked}, Succeeded, events.Position{Partition: 1, Seq: 2}, 1, 0},
		"put into another":        {[]scene{sent, asked, {0, successor, 21, created}}, Placed, events.Position{Partition: 0, Seq: 1}, 1, 1},
		"a fact elsewhere":        {[]scene{sent, {2, old, 1, fact(events.PushSent, "d2")}}, Placed, events.Position{Partition: 2, Seq: 1}, 0, 0},
		"a key elsewhere": {
			[]scene{{(home + 2) % several, pushIn((home+1)%several, 0), 0, claim}}, Placed,
			events.Position{Partition: (home + 2) % several, Seq: 1}, 0, 0,
		},
	} {
		reports, err := WalkAll(t.Context(), logsOf(t, c.scenes), Config{})
		if err != nil || len(reports) != several {
			t.Fatalf("%s: %d reports, %v", name, len(reports), err)
		}
		var found []Violation
		for _, r := range reports {
			if r.Worst != nil {
				found = append(found, *r.Worst)
			}
		}
		switch {
		case c.check == "" && len(found) > 0:
			t.Errorf("%s: %+v", name, found)
		case c.check != "" && (len(found) != 1 || found[0].Check != c.check || found[0].Position != c.at || reports[c.at.Partition].Found[c.check] != found[0]):
			t.Errorf("%s: %+v, want %s at %s", name, found, c.check, c.at)
		}
		if r := reports[1]; r.Successors != c.successors || r.Unsucceeded != c.open {
			t.Errorf("%s: %d successors, %d of them open; want %d and %d", name, r.Successors, r.Unsucceeded, c.successors, c.open)
		}
	}
	// What passed its age where the new push was cannot be judged.
	logs := logsOf(t, []scene{sent, asked, {2, successor, 21, created}, {1, old, 22, told}, {2, pushIn(2, 1), 30, created}})
	logs[2] = edited{logs[2].(*memlog.Log), same, 2}
	reports, err := WalkAll(t.Context(), logs, Config{})
	if err != nil || reports[1].Worst != nil || reports[1].Unsucceeded != 1 {
		t.Errorf("past its age: %+v, %v", reports, err)
	}
}

// TestOnePartition: a partition that is walked by itself is judged by nothing of the
// others.
func TestOnePartition(t *testing.T) {
	old := pushIn(1, 0)
	override := step{events.RecallRequested, &events.Requested{
		Recall: "r", Action: "override", Deadline: deadline, Replacement: &events.Replacement{Push: pushIn(2, 0), Title: "new"},
	}}
	logs := logsOf(t, []scene{{1, old, 0, fact(events.PushSent, "d1")}, {1, old, 1, override}, {1, old, 2, issued("r", "d1")}})
	if r := walked(t, Config{Log: logs[1]}); r.Worst != nil || r.Recalls != 1 || r.Successors != 0 || r.Anchors[0].Partition != 1 {
		t.Errorf("%+v", r)
	}
}

// TestAnchorsOfPartitions: one file holds those of all, each is compared with its
// own partition, and a partition that is gone is missed.
func TestAnchorsOfPartitions(t *testing.T) {
	sent := fact(events.PushSent, "d1")
	scenes := []scene{{0, pushIn(0, 0), 0, sent}, {2, pushIn(2, 0), 1, sent}, {2, pushIn(2, 1), 2, sent}}
	logs := logsOf(t, scenes)
	steps, total := uint64(0), uint64(0)
	reports, err := WalkAll(t.Context(), logs, Config{Progress: func(done, all uint64) {
		if done != steps+1 {
			t.Errorf("step %d follows %d", done, steps)
		}
		steps, total = done, all
	}})
	if err != nil || steps != 6 || total != 6 {
		t.Fatalf("%d of %d steps, %v", steps, total, err)
	}
	var all []Anchor
	for _, r := range reports {
		all = append(all, r.Anchors...)
	}
	var file bytes.Buffer
	if err := WriteAnchors(&file, all); err != nil {
		t.Fatal(err)
	}
	if lines := strings.SplitAfter(file.String(), "\n"); strings.Contains(lines[0], "partition") || !strings.HasPrefix(lines[1], `{"partition":2,"from":1,"seq":2,`) {
		t.Errorf("the file is %q", lines)
	}
	known, err := ReadAnchors(&file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all, known); diff != "" {
		t.Error(diff)
	}
	again, err := WalkAll(t.Context(), logs, Config{Anchors: known})
	if err != nil || again[0].Checked != 1 || again[1].Checked != 0 || again[2].Checked != 1 {
		t.Errorf("compared %d, %d and %d, %v", again[0].Checked, again[1].Checked, again[2].Checked, err)
	}
	for name, c := range map[string]struct {
		logs []events.Log
		in   int
		at   events.Position
	}{
		"changed":          {logsOf(t, []scene{scenes[0], {2, pushIn(2, 2), 1, sent}, scenes[2]}), 2, events.Position{Partition: 2, Seq: 2}},
		"emptied":          {logsOf(t, scenes[:1]), 2, events.Position{Partition: 2, Seq: 2}},
		"partitions fewer": {logs[:2], 0, events.Position{Partition: 2, Seq: 2}},
	} {
		reports, err := WalkAll(t.Context(), c.logs, Config{Anchors: known})
		if err != nil {
			t.Fatal(err)
		}
		if v, ok := reports[c.in].Found[Chain]; !ok || v.Position != c.at {
			t.Errorf("%s: %+v, want the chain broken at %s", name, reports[c.in].Found, c.at)
		}
	}
	// Each partition's ascend; a partition no log can have is refused.
	for _, text := range []string{`{"partition":-1,`, `{"partition":65536,`} {
		line := strings.Replace(`{"from":1,"seq":5,"sha256":"`+strings.Repeat("ab", 32)+`"}`, "{", text, 1)
		if _, err := ReadAnchors(strings.NewReader(line)); err == nil {
			t.Errorf("%s is read", line)
		}
	}
}

// TestPartitionsGrown: in a log that has grown a push stays where it began, and what
// begins afterwards goes where it belongs among all partitions.
func TestPartitionsGrown(t *testing.T) {
	grown := []events.Growth{{Partitions: 2, Ends: events.Positions{{Partition: 0, Seq: 1}, {Partition: 1, Seq: 1}}}}
	// A push that lived in partition 1 of two and would belong to partition 2 of three.
	moved, stays := "", pushIn(0, 0)
	for i := 0; moved == ""; i++ {
		if id := pushIn(2, i); events.PartitionOf("a", id, 2) == 1 {
			moved = id
		}
	}
	other := moved + "x"
	for events.PartitionOf("a", other, 2) != 1 || events.PartitionOf("a", other, several) != 2 {
		other += "x"
	}
	one := func(d string) step { return fact(events.PushSent, d) }
	early := []scene{{1, moved, 0, one("d1")}, {0, stays, 0, one("d1")}}
	for name, c := range map[string]struct {
		scenes []scene
		at     events.Position
	}{
		"goes on where it began":        {[]scene{{1, moved, 1, one("d2")}}, events.Position{}},
		"begins where it belongs":       {[]scene{{2, other, 1, one("d1")}}, events.Position{}},
		"begins where it had belonged":  {[]scene{{1, other, 1, one("d1")}}, events.Position{Partition: 1, Seq: 2}},
		"goes on where it would belong": {[]scene{{2, moved, 1, one("d2")}}, events.Position{Partition: 2, Seq: 1}},
	} {
		reports, err := WalkAll(t.Context(), logsOf(t, append(early[:2:2], c.scenes...)), Config{Grown: grown})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var at events.Position
		for _, r := range reports {
			if r.Worst != nil {
				at = r.Worst.Position
			}
			if r.Worst != nil && r.Worst.Check != Placed {
				t.Errorf("%s: %+v", name, r.Worst)
			}
		}
		if at != c.at {
			t.Errorf("%s: the violation is at %s, want %s", name, at, c.at)
		}
	}
}

// busy is a log that is written to once its end was asked for the nth time.
type busy struct {
	events.Log
	nth   int
	write func()
}

func (b *busy) Info(ctx context.Context) (events.Info, error) {
	i, err := b.Log.Info(ctx)
	if b.nth--; b.nth == 0 {
		b.write()
	}
	return i, err
}

// TestPartitionsInUse: while a log is written to, an override whose new push came
// after the end of that partition was asked is no violation.
func TestPartitionsInUse(t *testing.T) {
	old, successor := pushIn(2, 0), pushIn(0, 0)
	told := issued("r", "d1")
	told.data.(*events.Command).Action, told.data.(*events.Command).Replacement = "override", successor
	for nth := range 4 {
		var logs []events.Log
		put := func(partition int, push string, s step) {
			t.Helper()
			e := &events.Event{Header: events.Header{Kind: s.kind, App: "a", Push: push, Time: deadline.Add(-time.Minute)}, Data: s.data}
			logtest.Append(t, logs[partition], e)
		}
		for i := range several {
			logs = append(logs, memlog.New(memlog.Config{Partition: i, Now: func() time.Time { return deadline.Add(-time.Minute) }}))
		}
		put(0, pushIn(0, 1), fact(events.PushSent, "d1"))
		put(2, old, fact(events.PushSent, "d1"))
		asked := &busy{Log: logs[0], nth: nth + 1, write: func() {
			put(2, old, step{events.RecallRequested, &events.Requested{
				Recall: "r", Action: "override", Deadline: deadline, Replacement: &events.Replacement{Push: successor, Title: "new"},
			}})
			put(0, successor, step{events.PushCreated, &events.Created{Title: "new", Slot: "s", Replaces: old, Audience: events.Audience{Kind: "all"}}})
			put(2, old, told)
		}}
		reports, err := WalkAll(t.Context(), []events.Log{asked, logs[1], logs[2]}, Config{})
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range reports {
			if r.Worst != nil {
				t.Errorf("written to after %d looks at its end: partition %d: %+v", nth+1, i, r.Worst)
			}
		}
	}
}
