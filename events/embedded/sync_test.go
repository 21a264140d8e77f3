package embedded_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	js "github.com/nats-io/nats.go/jetstream"

	"github.com/recall-ledger/recall-ledger/events/embedded"
)

// writeLater makes a stream of three messages in a folder that is synced later.
func writeLater(t *testing.T, dir string) {
	t.Helper()
	s := start(t, embedded.Config{Dir: dir, SyncLater: true})
	nc := connect(t, s)
	a, err := js.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.CreateStream(t.Context(), js.StreamConfig{Name: "S", Subjects: []string{"x"}}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := a.Publish(t.Context(), "x", nil); err != nil {
			t.Fatal(err)
		}
	}
	nc.Close()
	s.Stop()
}

// TestSyncLater: a folder that is synced later is nobody's log before Sync, and
// one as good as any after it (L1).
func TestSyncLater(t *testing.T) {
	dir := t.TempDir()
	writeLater(t, dir)
	if s, err := embedded.Start(embedded.Config{Dir: dir}); !errors.Is(err, embedded.ErrUnsynced) || !strings.Contains(err.Error(), dir) {
		if s != nil {
			s.Stop()
		}
		t.Fatalf("Start before Sync = %v, want ErrUnsynced with the folder", err)
	}
	if err := embedded.Sync(dir); err != nil {
		t.Fatal(err)
	}
	s := start(t, embedded.Config{Dir: dir})
	a, err := js.New(connect(t, s))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := a.Stream(t.Context(), "S")
	if err != nil || stream.CachedInfo().State.Msgs != 3 {
		t.Errorf("after Sync the stream is %+v, %v, want 3 messages", stream, err)
	}
}

// TestSyncLaterOfALog: a log whose every write is synced does not become one whose
// writes are not (L1).
func TestSyncLaterOfALog(t *testing.T) {
	dir := t.TempDir()
	writeLater(t, dir)
	if err := embedded.Sync(dir); err != nil {
		t.Fatal(err)
	}
	if s, err := embedded.Start(embedded.Config{Dir: dir, SyncLater: true}); err == nil {
		s.Stop()
		t.Fatal("Start with SyncLater took a folder that holds a stream")
	}
	start(t, embedded.Config{Dir: dir})
}

// TestSyncFails: a folder that could not be brought to disk stays refused.
func TestSyncFails(t *testing.T) {
	dir := t.TempDir()
	writeLater(t, dir)
	mark := filepath.Join(dir, "unsynced")
	// The mark is a folder with something in it: Sync cannot remove it.
	if err := errors.Join(os.Remove(mark), os.Mkdir(mark, 0o700), os.WriteFile(filepath.Join(mark, "x"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := embedded.Sync(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("Sync = %v, want an error with the folder", err)
	}
	if s, err := embedded.Start(embedded.Config{Dir: dir}); !errors.Is(err, embedded.ErrUnsynced) {
		if s != nil {
			s.Stop()
		}
		t.Errorf("Start = %v, want ErrUnsynced", err)
	}
	if err := embedded.Sync(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Sync of no folder = %v, want that it does not exist", err)
	}
}
