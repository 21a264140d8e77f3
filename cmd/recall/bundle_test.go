package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/audit"
)

// partitioned starts a server with a log of some partitions, each with events.
func partitioned(t *testing.T, partitions int) *jetstream.Conn {
	t.Helper()
	server, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	conn, err := server.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	logs, err := jetstream.OpenAll(t.Context(), jetstream.Config{Conn: conn}, partitions)
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range logs {
		var records []events.Record
		for i := range 3 + log.Partition() {
			push := fmt.Sprintf("push-%d", i)
			records = append(records, events.Record{Subject: events.Subject(log.Partition(), "shop", events.ClickClicked, push, ""), Data: []byte(push)})
		}
		if _, err := log.Append(t.Context(), records); err != nil {
			t.Fatal(err)
		}
	}
	return conn
}

// backupOf is a whole backup of a log.
func backupOf(t *testing.T, conn *jetstream.Conn, partitions int, anchors []audit.Anchor) []byte {
	t.Helper()
	var file bytes.Buffer
	b, err := newBundleWriter(&file, partitions, time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	var logs []bundledLog
	for i := range partitions {
		if err := b.next(); err != nil {
			t.Fatal(err)
		}
		m, err := jetstream.Backup(t.Context(), conn, jetstream.StreamName(i), b, nil)
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, bundled(i, &m))
	}
	if len(anchors) > 0 {
		if err := b.anchors(anchors); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.end(logs); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestBundle(t *testing.T) {
	anchors := []audit.Anchor{{From: 1, Seq: 3, Hash: strings.Repeat("0f", 32)}, {Partition: 1, From: 1, Seq: 4, Hash: strings.Repeat("f0", 32)}}
	file := backupOf(t, partitioned(t, 2), 2, anchors)
	b, err := checkBundle(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(b.anchors, anchors) {
		t.Errorf("anchors %v, want %v", b.anchors, anchors)
	}
	for i, want := range []string{"0-3", "1-4"} {
		if l := b.logs[i]; l.Last.String() != want || l.Stream != jetstream.StreamName(i) || b.metadata[i].Last != uint64(l.Last.Seq) {
			t.Errorf("partition %d is %+v, want it to end at %s", i, l, want)
		}
	}
}

// TestBundleDamage: every bit counts, and so does every byte that is missing, but
// for what a tar has behind its last file.
func TestBundleDamage(t *testing.T) {
	file := backupOf(t, partitioned(t, 1), 1, []audit.Anchor{{From: 1, Seq: 3, Hash: strings.Repeat("0f", 32)}})
	entries := contentsOf(t, file)
	for _, e := range entries {
		if len(e.content) == 0 {
			t.Fatalf("%s is empty", e.name)
		}
		if e.name == bundleEnd {
			continue // it holds the sum of the others, and is judged by it
		}
		at := bytes.Index(file, e.content) + len(e.content)/2
		damaged := bytes.Clone(file)
		damaged[at] ^= 1
		if _, err := checkBundle(bytes.NewReader(damaged)); err == nil {
			t.Errorf("a bit of %s was flipped, and nothing was said", e.name)
		}
	}
	whole := bytes.Index(file, entries[len(entries)-1].content)
	for cut := 0; cut < whole; cut += 97 {
		if _, err := checkBundle(bytes.NewReader(file[:cut])); !errors.Is(err, errBundle) {
			t.Fatalf("cut after %d of %d bytes: %v, want %v", cut, len(file), err, errBundle)
		}
	}
}

type entryOf struct {
	name    string
	content []byte
}

func contentsOf(t *testing.T, file []byte) []entryOf {
	t.Helper()
	var list []entryOf
	for r := tar.NewReader(bytes.NewReader(file)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, entryOf{h.Name, content})
	}
}

// TestBundleForged: files that are tars, and no backups.
func TestBundleForged(t *testing.T) {
	head := func(format, partitions int) entryOf {
		return entryOf{bundleHead, fmt.Appendf(nil, `{"format":%d,"partitions":%d}`, format, partitions)}
	}
	end := entryOf{bundleEnd, []byte(`{"bytes":1,"sha256":"00"}`)}
	for _, test := range []struct {
		name    string
		entries []entryOf
		want    string
	}{
		{"nothing", nil, "cut short"},
		{"something else", []entryOf{{"etc/passwd", []byte("x")}}, `it begins with "etc/passwd", not backup.json`},
		{"not JSON", []entryOf{{bundleHead, []byte("x")}, end}, "backup.json: invalid character"},
		{"later format", []entryOf{head(2, 1), end}, "its format is 2, known is 1"},
		{"no partition", []entryOf{head(1, 0), end}, "it says that it has 0 partitions, the limit is 1 to 64"},
		{"many partitions", []entryOf{head(1, 65), end}, "it says that it has 65 partitions, the limit is 1 to 64"},
		{"large head", []entryOf{{bundleHead, make([]byte, maxBundleJSON+1)}}, "backup.json is larger than 1048576 bytes, the limit"},
		{"no log", []entryOf{head(1, 1), end}, "partition 0: this is not a whole backup of a log"},
		{"other log first", []entryOf{head(1, 2), {"partition-1/000001", []byte("x")}, end}, "partition 0: this is not"},
		{"parts are missing", []entryOf{head(1, 1), {"partition-0/000002", []byte("x")}, end}, "partition 0: this is not"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var file bytes.Buffer
			w := tar.NewWriter(&file)
			for _, e := range test.entries {
				if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: e.name, Size: int64(len(e.content))}); err != nil {
					t.Fatal(err)
				}
				if _, err := w.Write(e.content); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := checkBundle(&file); !errors.Is(err, errBundle) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("checkBundle = %v, want an error with %q", err, test.want)
			}
		})
	}
}

// TestBundleOfOthers: a backup of LEDGER-1 is none of LEDGER.
func TestBundleOfOthers(t *testing.T) {
	conn := partitioned(t, 2)
	var file bytes.Buffer
	b, err := newBundleWriter(&file, 1, time.Time{})
	if err == nil {
		err = b.next()
	}
	if err == nil {
		_, err = jetstream.Backup(t.Context(), conn, "LEDGER-1", b, nil)
	}
	if err == nil {
		err = b.end(nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := checkBundle(&file); err == nil || !strings.Contains(err.Error(), `stream "LEDGER-1" stands in the place of LEDGER`) {
		t.Errorf("checkBundle = %v, want the stream named", err)
	}
}

// TestBackupFails: what failed leaves no file, and one that is there stays.
func TestBackupFails(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.backup")
	w, done, err := backupTarget(name, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	if err := done(errBundle); !errors.Is(err, errBundle) || !missing(name) {
		t.Errorf("a failed backup ended with %v, and its file is missing: %t", err, missing(name))
	}
	if err := os.WriteFile(name, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := backupTarget(name, io.Discard); err == nil || !strings.Contains(err.Error(), "exists and is not overwritten") {
		t.Errorf("backupTarget over a file = %v", err)
	}
	if b, err := os.ReadFile(name); err != nil || string(b) != "old" {
		t.Errorf("the file there holds %q, %v", b, err)
	}
}
