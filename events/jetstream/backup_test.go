package jetstream_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded/clustertest"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// incompressible is content that makes a snapshot of its size.
func incompressible(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = r.Read(b)
	return b
}

// populate writes facts, decisions with fences and commands, some of them ended.
func populate(t *testing.T, log *jetstream.Log, facts int) {
	t.Helper()
	ctx := testContext(t)
	put(t, log, 4)
	c := consume(t, log, 4)
	for range 4 {
		k := c.next()
		if k.name == "m1" || k.name == "m3" {
			k.ack(t)
		}
	}
	c.quit()
	for i := 0; i < facts; i += 50 {
		var records []events.Record
		for j := i; j < min(i+50, facts); j++ {
			push := fmt.Sprintf("push-%d", j)
			records = append(records,
				events.Record{Subject: events.Subject(0, "shop", events.ClickClicked, push, ""), Data: incompressible(uint64(j), 16<<10)},
				events.Record{Subject: events.DecisionFilter(0, "shop", push), Data: []byte(push), Fenced: true})
		}
		if _, err := log.Append(ctx, records); err != nil {
			t.Fatal(err)
		}
	}
}

func backup(t *testing.T, conn *nats.Conn) ([]byte, jetstream.Metadata) {
	t.Helper()
	var b bytes.Buffer
	last := int64(0)
	m, err := jetstream.Backup(testContext(t), conn, "LEDGER", &b, func(n int64) {
		if n <= last {
			t.Errorf("progress %d came after %d", n, last)
		}
		last = n
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), m
}

func streamInfo(t *testing.T, conn *nats.Conn) *js.StreamInfo {
	t.Helper()
	s, err := api(t, &server{conn: conn}).Stream(testContext(t), "LEDGER")
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo()
}

// patient connects as a restore should.
func patient(t *testing.T, c *clustertest.Cluster) *nats.Conn {
	t.Helper()
	nc, err := jetstream.Dial(jetstream.DialConfig{URL: strings.Join(c.URLs(), ","), Patient: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// TestBackup: what was backed up is there again elsewhere, byte for byte, with
// sequences, times, the identity of the log and what its queues remember.
func TestBackup(t *testing.T) {
	for _, test := range []struct {
		name     string
		from, to int
	}{{"one machine", 1, 1}, {"cluster", 3, 3}, {"one machine to cluster", 1, 3}, {"cluster to one machine", 3, 1}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			source := clustertest.Start(t, clustertest.Config{Servers: test.from})
			from := dial(t, source)
			log := open(t, jetstream.Config{Conn: from, Settings: jetstream.Settings{Replicas: test.from, MaxBytes: 1 << 30}})
			populate(t, log, 500)
			before, config := contents(t, log), streamInfo(t, from).Config
			archive, m := backup(t, from)
			if m.Messages != 1004 || m.First != 1 || m.Last != 1004 || m.Stream != "LEDGER" {
				t.Errorf("Metadata = %+v", m)
			}

			target := clustertest.Start(t, clustertest.Config{Servers: test.to})
			to := patient(t, target)
			var accepted jetstream.Metadata
			began := time.Now()
			restored, err := jetstream.Restore(testContext(t), to, bytes.NewReader(archive), jetstream.RestoreOptions{
				Replicas: test.to, Accept: func(m jetstream.Metadata) error { accepted = m; return nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d messages, %d bytes were restored in %s", m.Messages, len(archive), time.Since(began))
			for name, got := range map[string]jetstream.Metadata{"Accept": accepted, "Restore": restored.Metadata} {
				if got.Last != m.Last || !got.Created.Equal(m.Created) || !got.Taken.Equal(m.Taken) || !got.LastTime.Equal(m.LastTime) {
					t.Errorf("%s was given %+v, want %+v", name, got, m)
				}
			}
			log = open(t, jetstream.Config{Conn: to, Settings: jetstream.Settings{Replicas: test.to, MaxBytes: 1 << 30}})
			target.WaitCurrent("LEDGER")
			after := contents(t, log)
			if diff := cmp.Diff(after[1:], before[1:]); diff != "" {
				t.Errorf("the content differs: %s", diff)
			}
			// The server gives the log a new identity, and Restore tells it.
			if i, err := log.Info(testContext(t)); err != nil || !i.Created.Equal(restored.Log) || i.Created.Equal(m.Created) {
				t.Errorf("Info = %+v, %v; Restore said %s, the backup %s", i, err, restored.Log, m.Created)
			}
			config.Replicas, config.Compression = test.to, js.S2Compression
			if test.to > 1 {
				config.Compression = js.NoCompression
			}
			settings := streamInfo(t, to).Config
			config.Metadata, settings.Metadata = nil, nil // the server's own words on its version
			if diff := cmp.Diff(settings, config); diff != "" {
				t.Errorf("the settings differ: %s", diff)
			}
			again := []events.Record{{Subject: events.DecisionFilter(0, "shop", "push-1"), Data: []byte("again"), Fenced: true}}
			if _, err := log.Append(testContext(t), again); !errors.Is(err, events.ErrConflict) {
				t.Errorf("a second decision after the restore = %v, want ErrConflict", err)
			}
			again[0].Subject = events.DecisionFilter(0, "shop", "new")
			if pos, err := log.Append(testContext(t), again); err != nil || pos.Seq != 1005 {
				t.Errorf("Append after the restore = %v, %v, want sequence 1005", pos, err)
			}
			c := consume(t, log, 4)
			open := map[string]bool{"m2": true, "m4": true}
			for len(open) > 0 {
				k := c.next()
				// In a cluster all after the first that was not ended comes again.
				if !open[k.name] && test.from == 1 {
					t.Errorf("the queue gave out %s, which was ended", k)
				}
				delete(open, k.name)
				k.ack(t)
			}
			c.quit()
		})
	}
}

func TestBackupOfNothing(t *testing.T) {
	source, target := start(t, t.TempDir()), start(t, t.TempDir())
	if _, err := jetstream.Backup(testContext(t), source.conn, "LEDGER", io.Discard, nil); !errors.Is(err, js.ErrStreamNotFound) {
		t.Errorf("Backup of no stream = %v", err)
	}
	log := open(t, jetstream.Config{Conn: source.conn})
	before := contents(t, log)
	archive, m := backup(t, source.conn)
	if m.Messages != 0 || m.Last != 0 {
		t.Errorf("Metadata of an empty log = %+v", m)
	}
	if _, err := jetstream.Restore(testContext(t), target.conn, bytes.NewReader(archive), jetstream.RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	log = open(t, jetstream.Config{Conn: target.conn})
	if diff := cmp.Diff(contents(t, log)[1:], before[1:]); diff != "" {
		t.Error(diff)
	}
	if i, err := log.Info(testContext(t)); err != nil || i.First != 0 || i.Last != 0 {
		t.Errorf("Info of an empty log that was restored = %+v, %v", i, err)
	}
}

// TestRestoreNeverOverwrites: a stream that is there stays as it is.
func TestRestoreNeverOverwrites(t *testing.T) {
	s := start(t, t.TempDir())
	log := open(t, jetstream.Config{Conn: s.conn})
	populate(t, log, 50)
	archive, _ := backup(t, s.conn)
	put(t, log, 1)
	before := contents(t, log)
	if _, err := jetstream.Restore(testContext(t), s.conn, bytes.NewReader(archive), jetstream.RestoreOptions{}); !errors.Is(err, jetstream.ErrExists) {
		t.Errorf("Restore = %v, want ErrExists", err)
	}
	if diff := cmp.Diff(contents(t, log), before); diff != "" {
		t.Error(diff)
	}
	empty := start(t, t.TempDir())
	old := errors.New("older than the anchor")
	_, err := jetstream.Restore(testContext(t), empty.conn, bytes.NewReader(archive), jetstream.RestoreOptions{Accept: func(jetstream.Metadata) error { return old }})
	if !errors.Is(err, old) {
		t.Errorf("Restore = %v, want the caller's refusal", err)
	}
	absent(t, empty.conn)
}

// absent waits until there is no stream: the server cleans up what it gave up.
func absent(t *testing.T, conn *nats.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), failSafe)
	defer cancel()
	a := api(t, &server{conn: conn})
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		_, err := a.Stream(ctx, "LEDGER")
		if errors.Is(err, js.ErrStreamNotFound) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the stream is there (%v)", err)
		case <-poll.C:
		}
	}
}

// repack writes a tar anew, with its files changed.
func repack(t *testing.T, archive []byte, change func(name string, content []byte) (string, []byte)) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Name, content = change(h.Name, content); h.Name == "" {
			continue
		}
		h.Size = int64(len(content))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestRestoreOfDamage: a backup that is not whole leaves nothing behind, on a
// machine and in a cluster.
func TestRestoreOfDamage(t *testing.T) {
	s := start(t, t.TempDir())
	populate(t, open(t, jetstream.Config{Conn: s.conn}), 400)
	archive, _ := backup(t, s.conn)
	replace := func(file, old, text string) []byte {
		return repack(t, archive, func(name string, content []byte) (string, []byte) {
			if name == file {
				changed := bytes.Replace(content, []byte(old), []byte(text), 1)
				if bytes.Equal(changed, content) {
					t.Fatalf("%s does not hold %q", file, old)
				}
				return name, changed
			}
			return name, content
		})
	}
	flipped := bytes.Clone(archive)
	flipped[len(flipped)/2] ^= 1
	for _, test := range []struct {
		name    string
		archive []byte
		words   string
	}{
		{"empty", nil, "not a whole backup"},
		{"no tar", bytes.Repeat([]byte("x"), 2000), "not a whole backup"},
		{"cut in the metadata", archive[:600], "not a whole backup"},
		{"cut in the middle", archive[:len(archive)/2], "cut short"},
		{"cut before the end", archive[:len(archive)-4096], "cut short"},
		{"one bit", flipped, "not what was written"},
		{"a part is missing", repack(t, archive, func(name string, content []byte) (string, []byte) {
			if name == "snapshot/000001" {
				name = ""
			}
			return name, content
		}), "snapshot/000001"},
		{"the end is missing", repack(t, archive, func(name string, content []byte) (string, []byte) {
			if name == "end.json" {
				name = ""
			}
			return name, content
		}), "cut short"},
		{"a later format", replace("metadata.json", `"format": 1`, `"format": 2`), "format is 2"},
		{"another stream's settings", replace("metadata.json", `"stream": "LEDGER"`, `"stream": "OTHER"`), "OTHER"},
	} {
		t.Run(test.name, func(t *testing.T) {
			target := start(t, t.TempDir())
			// From a file all of it is checked first, from a pipe as it comes.
			for name, r := range map[string]io.Reader{"file": bytes.NewReader(test.archive), "pipe": io.MultiReader(bytes.NewReader(test.archive))} {
				asked := false
				_, err := jetstream.Restore(testContext(t), target.conn, r, jetstream.RestoreOptions{Accept: func(jetstream.Metadata) error {
					asked = true
					return nil
				}})
				if name == "file" && asked {
					t.Error("the restore began before all of the file was checked")
				}
				if err == nil || name == "file" && (!errors.Is(err, jetstream.ErrBackup) || !strings.Contains(err.Error(), test.words)) {
					t.Errorf("Restore from a %s = %v, want ErrBackup with %q", name, err, test.words)
				}
				absent(t, target.conn)
			}
			if _, err := jetstream.CheckBackup(bytes.NewReader(test.archive)); !errors.Is(err, jetstream.ErrBackup) {
				t.Errorf("CheckBackup = %v", err)
			}
		})
	}
	t.Run("in a cluster", func(t *testing.T) {
		c := clustertest.Start(t, clustertest.Config{})
		conn := patient(t, c)
		for _, damaged := range [][]byte{flipped, archive[:len(archive)/2], archive[:len(archive)-4096]} {
			if _, err := jetstream.Restore(testContext(t), conn, io.MultiReader(bytes.NewReader(damaged)), jetstream.RestoreOptions{Replicas: 3}); err == nil {
				t.Error("Restore of a damaged backup succeeded")
			}
			absent(t, conn)
		}
		if _, err := jetstream.Restore(testContext(t), conn, bytes.NewReader(archive), jetstream.RestoreOptions{Replicas: 3}); err != nil {
			t.Errorf("Restore after one that failed = %v", err)
		}
	})
}

// TestRestoreBreaksOff: what a restore left behind when its process died is no log.
func TestRestoreBreaksOff(t *testing.T) {
	s, target := start(t, t.TempDir()), start(t, t.TempDir())
	populate(t, open(t, jetstream.Config{Conn: s.conn}), 500)
	archive, _ := backup(t, s.conn)
	a := api(t, target)
	var config js.StreamConfig
	_, err := jetstream.Restore(testContext(t), target.conn, bytes.NewReader(archive), jetstream.RestoreOptions{Progress: func(int64) {
		if s, err := a.Stream(testContext(t), "LEDGER"); err == nil {
			config = s.CachedInfo().Config
		}
	}})
	if err != nil || config.Name == "" {
		t.Fatalf("Restore = %v, seen under way as %+v", err, config)
	}
	open(t, jetstream.Config{Conn: target.conn})
	if err := a.DeleteStream(testContext(t), "LEDGER"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.CreateStream(testContext(t), config); err != nil {
		t.Fatal(err)
	}
	if _, err := jetstream.Open(testContext(t), jetstream.Config{Conn: target.conn}); err == nil || !strings.Contains(err.Error(), "restored") {
		t.Errorf("Open of a stream as it is while it is restored = %v, want a refusal", err)
	}
}

// failing fails after some bytes.
type failing struct{ left int }

var errWrite = errors.New("no space left")

func (f *failing) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errWrite
	}
	return len(b), nil
}

// TestBackupBreaksOff: a backup that cannot be finished says so; the log is not
// disturbed.
func TestBackupBreaksOff(t *testing.T) {
	t.Parallel()
	c := clustertest.Start(t, clustertest.Config{})
	conn := dial(t, c)
	log := open(t, jetstream.Config{Conn: conn, Settings: three})
	populate(t, log, 1500)
	ctx, cancel := context.WithTimeout(t.Context(), clustertest.Patience)
	defer cancel()
	if _, err := jetstream.Backup(ctx, conn, "LEDGER", &failing{left: 100}, nil); !errors.Is(err, errWrite) {
		t.Errorf("Backup to a full disk = %v, want its error", err)
	}
	if _, err := jetstream.Backup(ctx, conn, "LEDGER", &failing{left: 6 << 20}, nil); !errors.Is(err, errWrite) {
		t.Errorf("Backup to a disk that gets full = %v, want its error", err)
	}
	stopped, stop := context.WithCancel(ctx)
	if _, err := jetstream.Backup(stopped, conn, "LEDGER", io.Discard, func(int64) { stop() }); !errors.Is(err, context.Canceled) {
		t.Errorf("Backup that is told to stop = %v", err)
	}
	// Readers come and go while it is in use.
	reading, end := context.WithCancel(ctx)
	var readers sync.WaitGroup
	readers.Go(func() { _ = log.Follow(reading, 1, func(events.Message) error { return nil }) })
	readers.Go(func() {
		for reading.Err() == nil {
			_ = log.Read(reading, events.Range{From: 3000}, func(events.Message) error { return nil })
		}
	})
	for range 3 {
		backup(t, conn)
	}
	end()
	readers.Wait()
	put(t, log, 1)
	leader := c.Leader("LEDGER")
	killed := false
	_, err := jetstream.Backup(ctx, conn, "LEDGER", io.Discard, func(int64) {
		if !killed {
			killed = true
			c.Kill(leader)
		}
	})
	if err == nil {
		t.Error("Backup succeeded although its leader was killed")
	}
	t.Log(err)
	archive, m := backup(t, conn)
	if m.Messages != 3005 || len(archive) == 0 {
		t.Errorf("Backup from the next leader = %+v", m)
	}
}
