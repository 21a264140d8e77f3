package projections

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// store is the Pebble database and the rows not yet in it.
type store struct {
	db   *pebble.DB
	rows overlay
	// closed is set under the projection's lock; Pebble panics when it is
	// asked after it was closed.
	closed bool
	// snapshots are those that are read without the projection's lock.
	snapshots sync.WaitGroup
}

// close closes the store once its snapshots are read. The projection's lock is
// held.
func (s *store) close() error {
	s.closed = true
	s.snapshots.Wait()
	return s.db.Close()
}

var errClosed = errors.New("the projection is closed")

// ErrStore marks failures of the store itself: the disk is full or broken, or
// the files are damaged.
var ErrStore = errors.New("the projection's store failed")

func storeError(op string, err error) error {
	return fmt.Errorf("%w: %s: %w; the log is unharmed and the projection folder may be deleted to rebuild it", ErrStore, op, err)
}

// openStore opens or creates the database in dir.
func openStore(dir string, fs vfs.FS, cache int64, l *slog.Logger) (*store, error) {
	o := &pebble.Options{
		FS:                    fs,
		FormatMajorVersion:    pebble.FormatTableFormatV6,
		MemTableSize:          32 << 20,
		L0CompactionThreshold: 8,
		L0StopWritesThreshold: 32,
		LBaseMaxBytes:         64 << 20,
		MaxOpenFiles:          1000,
		CacheSize:             cache,
		Logger:                pebbleLogger{l},
		// Or damage would end the process wherever it is read. Who reads it gets an
		// error: the fold stops with it, and a rebuild replaces what is damaged.
		EventListener: &pebble.EventListener{DataCorruption: func(i pebble.DataCorruptionInfo) {
			l.Error("a file of the projection is damaged", "path", i.Path, "error", i.Details)
		}},
		// Or a store with little to write would keep dropped ranges on the disk
		// until it has filled its memory table.
		FlushDelayDeleteRange: 10 * time.Second,
		CompactionConcurrencyRange: func() (int, int) {
			return 1, 2
		},
	}
	for i := range o.Levels {
		o.Levels[i].BlockSize = 32 << 10
		o.Levels[i].IndexBlockSize = 256 << 10
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open(dir, o)
	if err != nil {
		return nil, storeError("open "+dir, err)
	}
	return &store{db: db, rows: newOverlay()}, nil
}

// pebbleLogger keeps Pebble's chatter at debug level. Pebble calls Fatalf when
// it must not go on: its write-ahead log failed.
type pebbleLogger struct{ l *slog.Logger }

func (p pebbleLogger) Infof(format string, args ...any) {
	p.l.Debug("pebble", "text", fmt.Sprintf(format, args...))
}

func (p pebbleLogger) Errorf(format string, args ...any) {
	p.l.Error("pebble", "text", fmt.Sprintf(format, args...))
}

// Fatalf panics: the process must end, and the log brings everything back.
func (p pebbleLogger) Fatalf(format string, args ...any) {
	panic("pebble cannot continue: " + fmt.Sprintf(format, args...))
}

// meta is the projection's own row: where it is and what it counts.
type meta struct {
	Schema int `json:"schema"`
	// Created identifies the log the projection was folded from.
	Created time.Time `json:"created"`
	Applied uint64    `json:"applied"`
	// AppliedTime is when the log stored the newest applied event.
	AppliedTime time.Time `json:"applied_time"`
	NextApp     uint32    `json:"next_app"`
	NextPush    uint64    `json:"next_push"`
	Quarantined uint64    `json:"quarantined"`
	// Period is the newest period that the log's time has reached; it never
	// goes back. Periods are those that have pushes, oldest first.
	Period  uint16         `json:"period"`
	Periods []storedPeriod `json:"periods"`
}

func (s *store) readMeta() (meta, bool, error) {
	v, err := s.stored(metaKey())
	if err != nil || v == nil {
		return meta{}, false, err
	}
	var m meta
	if err := json.Unmarshal(v, &m); err != nil {
		return meta{}, false, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return m, true, nil
}

func (m meta) encode() []byte {
	b, err := json.Marshal(m)
	if err != nil { // plain fields always marshal
		panic(err)
	}
	return b
}
