package jetstream

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

	js "github.com/nats-io/nats.go/jetstream"
)

// The format of a backup: a tar of
//
//	metadata.json        what was backed up
//	snapshot/000001 ...  the server's snapshot, in parts, since a tar says the size
//	                     of a file before its content
//	end.json             how much it was, and its SHA-256
//
// A backup without its end is not one: nothing is restored from it.
const (
	archiveFormat = 1
	archiveMeta   = "metadata.json"
	archiveEnd    = "end.json"
	archivePart   = "snapshot/%06d"
	// partBytes is the size of a part, and what is held in memory.
	partBytes = 4 << 20
	// maxMeta bounds metadata.json and end.json.
	maxMeta = 1 << 20
)

// Metadata says what a backup holds.
type Metadata struct {
	Format int    `json:"format"`
	Stream string `json:"stream"`
	// Created identifies the log that was backed up.
	Created time.Time `json:"created"`
	// Taken is the server's time when the backup began.
	Taken    time.Time `json:"taken"`
	Messages uint64    `json:"messages"`
	Bytes    uint64    `json:"bytes"`
	First    uint64    `json:"first"`
	Last     uint64    `json:"last"`
	// LastTime is when the last message was stored.
	LastTime time.Time `json:"last_time"`
	// Config and State are the server's own words, which it wants back.
	Config json.RawMessage `json:"config"`
	State  json.RawMessage `json:"state"`
}

type archiveSum struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// ErrBackup is a backup that is damaged, cut short or none at all.
var ErrBackup = errors.New("this is not a whole backup of a log")

// archiveWriter writes a backup.
type archiveWriter struct {
	tar   *tar.Writer
	part  bytes.Buffer
	parts int
	bytes int64
	sum   hash.Hash
	at    time.Time
}

func newArchiveWriter(w io.Writer, m *Metadata) (*archiveWriter, error) {
	a := &archiveWriter{tar: tar.NewWriter(w), sum: sha256.New(), at: m.Taken}
	return a, a.json(archiveMeta, m)
}

func (a *archiveWriter) json(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return a.file(name, append(b, '\n'))
}

func (a *archiveWriter) file(name string, content []byte) error {
	if err := a.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o600, ModTime: a.at}); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	if _, err := a.tar.Write(content); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	return nil
}

// Write takes the next bytes of the snapshot.
func (a *archiveWriter) Write(chunk []byte) (int, error) {
	a.bytes += int64(len(chunk))
	a.sum.Write(chunk)
	a.part.Write(chunk)
	if a.part.Len() < partBytes {
		return len(chunk), nil
	}
	return len(chunk), a.flush()
}

func (a *archiveWriter) flush() error {
	if a.part.Len() == 0 {
		return nil
	}
	a.parts++
	defer a.part.Reset()
	return a.file(fmt.Sprintf(archivePart, a.parts), a.part.Bytes())
}

// Close ends the backup: without it there is none.
func (a *archiveWriter) Close() error {
	if err := a.flush(); err != nil {
		return err
	}
	if err := a.json(archiveEnd, archiveSum{a.bytes, hex.EncodeToString(a.sum.Sum(nil))}); err != nil {
		return err
	}
	if err := a.tar.Close(); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	return nil
}

// archiveReader reads a backup: the metadata at once, then the snapshot as an
// io.Reader whose end comes only when all of it was right.
type archiveReader struct {
	Metadata
	tar   *tar.Reader
	parts int
	bytes int64
	sum   hash.Hash
	// in says that the tar stands in a part.
	in bool
}

func newArchiveReader(r io.Reader) (*archiveReader, error) {
	a := &archiveReader{tar: tar.NewReader(r), sum: sha256.New()}
	h, err := a.tar.Next()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBackup, err)
	}
	if h.Name != archiveMeta {
		return nil, fmt.Errorf("%w: it begins with %q, not %s", ErrBackup, h.Name, archiveMeta)
	}
	if err := a.json(&a.Metadata); err != nil {
		return nil, err
	}
	if a.Format != archiveFormat {
		return nil, fmt.Errorf("%w: its format is %d, known is %d; use the version of this program that wrote it", ErrBackup, a.Format, archiveFormat)
	}
	var config js.StreamConfig
	if err := json.Unmarshal(a.Config, &config); err != nil || config.Name != a.Stream || a.Stream == "" {
		return nil, fmt.Errorf("%w: its settings are not those of stream %q", ErrBackup, a.Stream)
	}
	return a, nil
}

func (a *archiveReader) json(into any) error {
	if err := json.NewDecoder(io.LimitReader(a.tar, maxMeta)).Decode(into); err != nil {
		return fmt.Errorf("%w: %w", ErrBackup, err)
	}
	return nil
}

// Read gives the bytes of the snapshot. io.EOF means that the sum is right.
func (a *archiveReader) Read(p []byte) (int, error) {
	for {
		if !a.in {
			if err := a.next(); err != nil {
				return 0, err
			}
		}
		n, err := a.tar.Read(p)
		a.bytes += int64(n)
		a.sum.Write(p[:n])
		switch {
		case errors.Is(err, io.EOF):
			a.in = false
			if n > 0 {
				return n, nil
			}
		case errors.Is(err, io.ErrUnexpectedEOF):
			return n, a.short(err)
		case err != nil:
			return n, fmt.Errorf("%w: %w", ErrBackup, err)
		case n > 0:
			return n, nil
		}
	}
}

func (a *archiveReader) short(err error) error {
	return fmt.Errorf("%w: it is cut short after %d bytes of the snapshot: %w", ErrBackup, a.bytes, err)
}

// next goes to the next part, or to the end.
func (a *archiveReader) next() error {
	h, err := a.tar.Next()
	if err != nil {
		// Also io.EOF: the end of the file is not the end of the backup.
		return a.short(err)
	}
	if h.Name != archiveEnd {
		a.parts++
		if want := fmt.Sprintf(archivePart, a.parts); h.Name != want {
			return fmt.Errorf("%w: it holds %q where %s belongs", ErrBackup, h.Name, want)
		}
		a.in = true
		return nil
	}
	var end archiveSum
	if err := a.json(&end); err != nil {
		return err
	}
	if end.Bytes != a.bytes || end.SHA256 != hex.EncodeToString(a.sum.Sum(nil)) {
		return fmt.Errorf("%w: its content is not what was written: %d bytes, written were %d", ErrBackup, a.bytes, end.Bytes)
	}
	return io.EOF
}
