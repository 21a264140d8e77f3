package embedded_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	js "github.com/nats-io/nats.go/jetstream"

	"github.com/recall-ledger/recall-ledger/events/embedded"
)

// TestDamagedStreamIsKept: a stream whose files the server cannot read stops the
// start, and its files stay.
func TestDamagedStreamIsKept(t *testing.T) {
	dir := t.TempDir()
	s, err := embedded.Start(embedded.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	nc, err := s.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	a, err := js.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	config := js.StreamConfig{Name: "S", Subjects: []string{"x"}, Compression: js.S2Compression}
	if _, err := a.CreateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	// A block is compressed when it is full, at 8 MiB, and another begins.
	random, body := rand.NewChaCha8([32]byte{}), make([]byte, 256<<10)
	for range 40 {
		_, _ = random.Read(body)
		if _, err := a.Publish(t.Context(), "x", body); err != nil {
			t.Fatal(err)
		}
	}
	nc.Close()
	s.Stop()
	start(t, embedded.Config{Dir: dir}).Stop()

	msgs := filepath.Join(dir, "jetstream", "$G", "streams", "S", "msgs")
	block := filepath.Join(msgs, "1.blk")
	damaged, err := os.ReadFile(block)
	if err != nil {
		t.Fatal(err)
	}
	damaged[len(damaged)/2] ^= 1
	if err := os.WriteFile(block, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	// As after an unclean stop.
	if err := os.Remove(filepath.Join(msgs, "index.db")); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	kept := filepath.Join(dir, "kept", "$G", "streams", "S")
	for range 3 {
		s, err := embedded.Start(embedded.Config{Dir: dir})
		if err == nil {
			s.Stop()
			t.Fatal("Start succeeded without the stream")
		}
		for _, word := range []string{"stream S", "restore", kept, filepath.Dir(msgs)} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("Start = %v, want an error with %q", err, word)
			}
		}
	}
	if after, err := os.ReadFile(filepath.Join(kept, "msgs", "1.blk")); err != nil || !bytes.Equal(after, damaged) {
		t.Fatalf("the file was not kept as it was: %v", err)
	}
	// The other way out: the files are whole, and are moved back.
	damaged[len(damaged)/2] ^= 1
	if err := os.WriteFile(filepath.Join(kept, "msgs", "1.blk"), damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Dir(msgs)); err != nil {
		t.Fatal(err)
	}
	// The server removes folders that become empty.
	if err := os.MkdirAll(filepath.Dir(filepath.Dir(msgs)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(kept, filepath.Dir(msgs)); err != nil {
		t.Fatal(err)
	}
	s = start(t, embedded.Config{Dir: dir})
	a, err = js.New(connect(t, s))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := a.Stream(t.Context(), "S")
	if err != nil || stream.CachedInfo().State.Msgs != 40 || stream.CachedInfo().State.NumDeleted != 0 {
		t.Errorf("after the repair the stream is %+v, %v, want 40 messages", stream, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "kept")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the second names stayed after a good start: %v", err)
	}
}
