package jetstream_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// TestRestoreSyncedLater: a log that is restored into a folder which is synced as a
// whole is the one that was backed up, and takes the next event.
func TestRestoreSyncedLater(t *testing.T) {
	source := start(t, t.TempDir())
	log := open(t, jetstream.Config{Conn: source.conn})
	populate(t, log, 200)
	before := contents(t, log)
	archive, _ := backup(t, source.conn)

	dir := t.TempDir()
	target := startWith(t, embedded.Config{Dir: dir, SyncLater: true})
	restored, err := jetstream.Restore(testContext(t), target.conn, bytes.NewReader(archive), jetstream.RestoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	target.stop()
	if err := embedded.Sync(dir); err != nil {
		t.Fatal(err)
	}

	log = open(t, jetstream.Config{Conn: start(t, dir).conn, MustExist: true})
	if diff := cmp.Diff(contents(t, log)[1:], before[1:]); diff != "" {
		t.Errorf("the content differs: %s", diff)
	}
	if i, err := log.Info(testContext(t)); err != nil || !i.Created.Equal(restored.Log) {
		t.Errorf("Info = %+v, %v, and Restore said %s", i, err, restored.Log)
	}
	decision := []events.Record{{Subject: events.DecisionFilter(0, "shop", "push-1"), Data: []byte("again"), Fenced: true}}
	if _, err := log.Append(testContext(t), decision); !errors.Is(err, events.ErrConflict) {
		t.Errorf("a second decision after the restore = %v, want ErrConflict", err)
	}
	decision[0].Subject = events.DecisionFilter(0, "shop", "new")
	if pos, err := log.Append(testContext(t), decision); err != nil || int(pos.Seq) != len(before) {
		t.Errorf("Append after the restore = %v, %v, want sequence %d", pos, err, len(before))
	}
}

// TestRestoreRace: of several restores at once one makes the log, and the others
// change nothing of it.
func TestRestoreRace(t *testing.T) {
	source := start(t, t.TempDir())
	log := open(t, jetstream.Config{Conn: source.conn})
	populate(t, log, 100)
	before := contents(t, log)
	archive, _ := backup(t, source.conn)
	target := start(t, t.TempDir())
	const racers = 4
	var all sync.WaitGroup
	errs := make([]error, racers)
	for i := range racers {
		conn, err := target.srv.Connect("racer")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		all.Go(func() {
			_, errs[i] = jetstream.Restore(testContext(t), conn, bytes.NewReader(archive), jetstream.RestoreOptions{})
		})
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, jetstream.ErrExists):
			t.Errorf("Restore = %v, want ErrExists", err)
		}
	}
	if won != 1 {
		t.Fatalf("%d restores won: %v", won, errs)
	}
	log = open(t, jetstream.Config{Conn: target.conn, MustExist: true})
	if diff := cmp.Diff(contents(t, log)[1:], before[1:]); diff != "" {
		t.Errorf("the content differs: %s", diff)
	}
}

// TestRestoreOfAnotherLog: a backup whose metadata are not those of what it holds
// leaves nothing behind.
func TestRestoreOfAnotherLog(t *testing.T) {
	source, target := start(t, t.TempDir()), start(t, t.TempDir())
	populate(t, open(t, jetstream.Config{Conn: source.conn}), 10)
	archive, m := backup(t, source.conn)
	for _, field := range []string{
		fmt.Sprintf(`"messages": %d`, m.Messages), fmt.Sprintf(`"first": %d`, m.First), fmt.Sprintf(`"last": %d`, m.Last),
	} {
		other := repack(t, archive, func(name string, content []byte) (string, []byte) {
			if name != "metadata.json" {
				return name, content
			}
			changed := bytes.Replace(content, []byte(field), []byte(field+"7"), 1)
			if bytes.Equal(changed, content) {
				t.Fatalf("%s does not hold %q", name, field)
			}
			return name, changed
		})
		_, err := jetstream.Restore(testContext(t), target.conn, bytes.NewReader(other), jetstream.RestoreOptions{})
		if err == nil || !strings.Contains(err.Error(), "the server made") {
			t.Errorf("%s is another: Restore = %v, want what the server made", field, err)
		}
		absent(t, target.conn)
	}
}
