package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/audit"
)

// The format of a backup of a whole ledger: a tar of
//
//	backup.json                   how many partitions follow, and when it began
//	partition-0/000001 ...        the backup of each partition's stream, as package
//	partition-1/000001 ...        jetstream writes it, in parts, since a tar says the
//	                              size of a file before its content
//	anchors                       hashes of the log, for recall verify; may be missing
//	end.json                      what it held, and the SHA-256 of all of that
//
// A file without its end is no backup: nothing is restored from it.
const (
	bundleFormat  = 1
	bundleHead    = "backup.json"
	bundleAnchors = "anchors"
	bundleEnd     = "end.json"
	bundlePart    = "partition-%d/%06d"
	// bundlePartBytes is the size of a part, which is held in memory.
	bundlePartBytes = 4 << 20
	// maxBundleJSON bounds backup.json and end.json, maxBundleAnchors the anchors:
	// a million of them, the most that audit.ReadAnchors takes (L11).
	maxBundleJSON    = 1 << 20
	maxBundleAnchors = 256 << 20
)

// errBundle is a file that is no whole backup.
var errBundle = errors.New("this is not a whole backup of a ledger")

type bundleHeader struct {
	Format     int       `json:"format"`
	Partitions int       `json:"partitions"`
	Begun      time.Time `json:"begun"`
}

// bundledLog is what a backup holds of one partition.
type bundledLog struct {
	Partition int    `json:"partition"`
	Stream    string `json:"stream"`
	// Created identifies the log that was backed up.
	Created  time.Time       `json:"created"`
	Taken    time.Time       `json:"taken"`
	Messages uint64          `json:"messages"`
	First    events.Position `json:"first"`
	Last     events.Position `json:"last"`
	LastTime time.Time       `json:"last_time"`
	// Anchor is the hash of everything up to Last, "" where none was computed.
	Anchor string `json:"anchor,omitempty"`
}

func bundled(partition int, m *jetstream.Metadata) bundledLog {
	at := func(seq uint64) events.Position {
		return events.Position{Partition: partition, Seq: events.Seq(seq)}
	}
	return bundledLog{
		Partition: partition, Stream: m.Stream, Created: m.Created, Taken: m.Taken,
		Messages: m.Messages, First: at(m.First), Last: at(m.Last), LastTime: m.LastTime,
	}
}

type bundleSum struct {
	Logs   []bundledLog `json:"logs"`
	Bytes  int64        `json:"bytes"`
	SHA256 string       `json:"sha256"`
}

// bundleWriter writes a backup: the logs in order, the anchors, the end.
type bundleWriter struct {
	tar   *tar.Writer
	begun time.Time
	sum   hash.Hash
	bytes int64

	part      bytes.Buffer
	partition int
	parts     int
}

func newBundleWriter(w io.Writer, partitions int, begun time.Time) (*bundleWriter, error) {
	b := &bundleWriter{tar: tar.NewWriter(w), begun: begun, sum: sha256.New(), partition: -1}
	return b, b.json(bundleHead, bundleHeader{bundleFormat, partitions, begun})
}

// next begins the next partition, whose backup is then written.
func (b *bundleWriter) next() error {
	err := b.flush()
	b.partition++
	b.parts = 0
	return err
}

func (b *bundleWriter) Write(p []byte) (int, error) {
	b.part.Write(p)
	if b.part.Len() < bundlePartBytes {
		return len(p), nil
	}
	return len(p), b.flush()
}

func (b *bundleWriter) flush() error {
	if b.part.Len() == 0 {
		return nil
	}
	b.parts++
	defer b.part.Reset()
	return b.file(fmt.Sprintf(bundlePart, b.partition, b.parts), b.part.Bytes())
}

func (b *bundleWriter) anchors(list []audit.Anchor) error {
	if err := b.flush(); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := audit.WriteAnchors(&text, list); err != nil {
		return err
	}
	return b.file(bundleAnchors, text.Bytes())
}

// end completes the backup: without it there is none.
func (b *bundleWriter) end(logs []bundledLog) error {
	if err := b.flush(); err != nil {
		return err
	}
	if err := b.json(bundleEnd, bundleSum{logs, b.bytes, hex.EncodeToString(b.sum.Sum(nil))}); err != nil {
		return err
	}
	return b.tar.Close()
}

func (b *bundleWriter) json(name string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return b.file(name, append(text, '\n'))
}

func (b *bundleWriter) file(name string, content []byte) error {
	if err := b.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o600, ModTime: b.begun}); err != nil {
		return err
	}
	b.sum.Write(content)
	b.bytes += int64(len(content))
	_, err := b.tar.Write(content)
	return err
}

// bundleReader reads a backup in the order it was written.
type bundleReader struct {
	bundleHeader
	tar   *tar.Reader
	sum   hash.Hash
	bytes int64
	// at is the entry that the tar stands at and that was not read yet.
	at string
}

func newBundleReader(r io.Reader) (*bundleReader, error) {
	b := &bundleReader{tar: tar.NewReader(r), sum: sha256.New()}
	if err := b.advance(); err != nil {
		return nil, err
	}
	if b.at != bundleHead {
		return nil, fmt.Errorf("%w: it begins with %q, not %s", errBundle, b.at, bundleHead)
	}
	text, err := b.whole(maxBundleJSON)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &b.bundleHeader); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errBundle, bundleHead, err)
	}
	if b.Format != bundleFormat {
		return nil, fmt.Errorf("%w: its format is %d, known is %d; use the version of recall that wrote it", errBundle, b.Format, bundleFormat)
	}
	if b.Partitions < 1 || b.Partitions > jetstream.MaxPartitions {
		return nil, fmt.Errorf("%w: it says that it has %d partitions, the limit is 1 to %d", errBundle, b.Partitions, jetstream.MaxPartitions)
	}
	return b, b.advance()
}

// advance goes to the next entry. The end of the file is not that of a backup.
func (b *bundleReader) advance() error {
	h, err := b.tar.Next()
	if err != nil {
		return b.short(err)
	}
	b.at = h.Name
	return nil
}

func (b *bundleReader) short(err error) error {
	return fmt.Errorf("%w: it is cut short or damaged after %d bytes: %w", errBundle, b.bytes, err)
}

// whole reads the entry the tar stands at.
func (b *bundleReader) whole(limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(b.tar, limit+1))
	if err != nil {
		return nil, b.short(err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("%w: %s is larger than %d bytes, the limit", errBundle, b.at, limit)
	}
	b.take(text)
	return text, nil
}

func (b *bundleReader) take(p []byte) {
	b.bytes += int64(len(p))
	b.sum.Write(p)
}

// log reads the backup of a partition, which must be the next one.
func (b *bundleReader) log(partition int) io.Reader {
	return &bundledReader{b: b, partition: partition}
}

type bundledReader struct {
	b         *bundleReader
	partition int
	parts     int
	in        bool
}

func (l *bundledReader) Read(p []byte) (int, error) {
	for {
		if !l.in {
			if l.b.at != fmt.Sprintf(bundlePart, l.partition, l.parts+1) {
				return 0, io.EOF
			}
			l.parts++
			l.in = true
		}
		n, err := l.b.tar.Read(p)
		l.b.take(p[:n])
		switch {
		case errors.Is(err, io.EOF):
			l.in = false
			if err := l.b.advance(); err != nil {
				return n, err
			}
		case err != nil:
			return n, l.b.short(err)
		}
		if n > 0 {
			return n, nil
		}
	}
}

// finish reads what follows the logs, and compares the end with what was read.
func (b *bundleReader) finish() (anchors []audit.Anchor, sum bundleSum, err error) {
	if b.at == bundleAnchors {
		text, err := b.whole(maxBundleAnchors)
		if err != nil {
			return nil, sum, err
		}
		if anchors, err = audit.ReadAnchors(bytes.NewReader(text)); err != nil {
			return nil, sum, fmt.Errorf("%w: %w", errBundle, err)
		}
		if err := b.advance(); err != nil {
			return nil, sum, err
		}
	}
	if b.at != bundleEnd {
		return nil, sum, fmt.Errorf("%w: it holds %q where %s belongs", errBundle, b.at, bundleEnd)
	}
	read, hashed := b.bytes, hex.EncodeToString(b.sum.Sum(nil))
	text, err := b.whole(maxBundleJSON)
	if err != nil {
		return nil, sum, err
	}
	if err := json.Unmarshal(text, &sum); err != nil {
		return nil, sum, fmt.Errorf("%w: %s: %w", errBundle, bundleEnd, err)
	}
	if sum.Bytes != read || sum.SHA256 != hashed {
		return nil, sum, fmt.Errorf("%w: its content is not what was written: %d bytes, written were %d", errBundle, read, sum.Bytes)
	}
	return anchors, sum, nil
}

// bundle is what was found in a backup that is whole.
type bundle struct {
	logs     []bundledLog
	metadata []jetstream.Metadata
	anchors  []audit.Anchor
}

// checkBundle reads all of a backup: nil means that it is whole.
func checkBundle(r io.Reader) (*bundle, error) {
	b, err := newBundleReader(r)
	if err != nil {
		return nil, err
	}
	found := &bundle{}
	for i := range b.Partitions {
		inner := b.log(i)
		m, err := jetstream.CheckBackup(inner)
		if err != nil {
			return nil, fmt.Errorf("%w: partition %d: %w", errBundle, i, err)
		}
		// What a tar has behind its last file is read as well, to get to the next.
		if _, err := io.Copy(io.Discard, inner); err != nil {
			return nil, err
		}
		if m.Stream != jetstream.StreamName(i) {
			return nil, fmt.Errorf("%w: stream %q stands in the place of %s", errBundle, m.Stream, jetstream.StreamName(i))
		}
		found.metadata = append(found.metadata, m)
	}
	var sum bundleSum
	if found.anchors, sum, err = b.finish(); err != nil {
		return nil, err
	}
	if len(sum.Logs) != b.Partitions {
		return nil, fmt.Errorf("%w: %s names %d logs, there are %d", errBundle, bundleEnd, len(sum.Logs), b.Partitions)
	}
	found.logs = sum.Logs
	return found, nil
}
