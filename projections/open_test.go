package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/memlog"
)

// refused opens a projection that must not open, and checks what the error says.
func refused(t *testing.T, c Config, texts ...string) {
	t.Helper()
	p, err := Open(context.Background(), c)
	if err == nil {
		t.Errorf("the projection opened, want an error with %q", texts)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		return
	}
	for _, text := range append(texts, "delete") {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("got %q, want it to say %q", err, text)
		}
	}
}

func TestOpenRefusesAnotherLog(t *testing.T) {
	f := newFixture(t)
	for i := range 10 {
		f.fact(events.PushSent, "a", "fcm", fmt.Sprintf("d%d", i))
	}
	fs := vfs.NewMem()
	p := f.open(f.config(fs))
	f.catchUp(p)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	other := newFixture(t)
	other.now = epoch.Add(time.Nanosecond)
	other.log = memlog.New(memlog.Config{Now: func() time.Time { return other.now }})
	refused(t, other.config(fs), "another log"[8:], "made at", "2026-03-01T12:00:00.000000001Z")
	shorter := newFixture(t)
	shorter.fact(events.PushSent, "a", "fcm", "d0")
	refused(t, shorter.config(fs), "applied sequence 10", "the log ends at 1", "restore it from a backup")
	for i := range 5 {
		f.fact(events.PushSent, "b", "fcm", fmt.Sprintf("d%d", i))
	}
	f.log.Expire(11)
	p = f.open(f.config(fs)) // the log begins where the projection ends
	if err := p.store.db.Close(); err != nil {
		t.Fatal(err)
	}
	f.log.Expire(12)
	refused(t, f.config(fs), "applied sequence 10", "the log begins at 12")
}

// A new projection of a log that has aged begins where the log does.
func TestOpenAgedLog(t *testing.T) {
	f := newFixture(t)
	for i := range 5 {
		f.fact(events.PushSent, "a", "fcm", fmt.Sprintf("d%d", i))
	}
	f.log.Expire(4)
	p := f.folded()
	if got := p.Applied().Seq; got != 5 {
		t.Errorf("applied %d, want 5", got)
	}
	if got := must(p.Push(testApp, "a", epoch))(t).Channels[0].Notifications; got != 2 {
		t.Errorf("%d notifications, want the 2 that the log still has", got)
	}
}

// damaged is a store with something of everything, folded and closed.
func damaged(t *testing.T) (*fixture, *vfs.MemFS) {
	f := newFixture(t)
	f.put(events.PushCreated, "a", &events.Created{Title: "hello", Audience: events.Audience{Kind: events.AudienceAll}})
	many := make([]string, 600)
	for i := range many {
		many[i] = fmt.Sprintf("d%d", i)
	}
	f.fact(events.PushSent, "a", "fcm", many...)
	f.put(events.PushSent, "b", &events.Fact{Channel: "fcm", Devices: many[:3], Users: []string{"u1", "", "u2"}})
	f.fact(events.DisplayShown, "b", "apns", "d1", "d2")
	f.recall("a", "ra", "recall", events.Scope{})
	f.command("a", "ra", "fcm", many[:300]...)
	f.outcome(events.OutcomeAccepted, "a", "ra", "fcm", many[:200]...)
	f.outcome(events.OutcomeConfirmed, "a", "ra", "fcm", many[:100]...)
	f.sent("a", "wecom", "m1", "d1", "d2")
	f.recall("b", "rb", "terminate", events.Scope{User: "u1"})
	f.put(events.KeyClaimed, "a", &events.Key{Key: "key-0", Fingerprint: "f", Status: 202, Answer: "{}"})
	f.raw(events.Subject(0, testApp, events.PushSent, "a", ""), []byte("{"))
	fs := vfs.NewCrashableMem()
	p := f.open(f.config(fs))
	f.catchUp(p)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	// What comes after touches everything again.
	f.fact(events.ClickClicked, "a", "fcm", many...)
	f.fact(events.PushSent, "b", "fcm", "new", "d1")
	f.fact(events.PushSent, "c", "apns", "new", "d1")
	f.outcome(events.OutcomeConfirmed, "a", "ra", "fcm", many...)
	return f, fs
}

func copyOf(fs *vfs.MemFS) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
}

// afterDamage changes a store by change and returns what opening, asking and
// folding on say to it.
func afterDamage(t *testing.T, c Config, f *fixture, change func(db *pebble.DB) error) error {
	t.Helper()
	db := openRaw(t, c)
	if err := errors.Join(change(db), db.Close()); err != nil {
		t.Fatal(err)
	}
	p, err := Open(t.Context(), c)
	if err != nil {
		return err
	}
	err = exercise(t.Context(), p)
	for _, m := range f.log.Messages()[p.Applied().Seq:] {
		if e := p.Apply(m); e != nil {
			err = errors.Join(err, e)
			break
		}
	}
	return errors.Join(err, exercise(t.Context(), p), p.Close())
}

// samples is how many rows of each kind are damaged.
const samples = 3

// rowsOf returns rows of every kind of a store: the first, the last, and some in
// between.
func rowsOf(t *testing.T, c Config) []row {
	t.Helper()
	db := openRaw(t, c)
	s := store{db: db}
	rows, err := s.scan(scanOptions{from: []byte{0}, to: []byte{0xff}})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	kinds := map[byte][]row{}
	for _, r := range rows {
		kinds[r.key[0]] = append(kinds[r.key[0]], r)
	}
	var list []row
	for _, kind := range string(rowMeta) + string(rowApp) + string(rowTokens) + string(rowDevice) + string(rowKey) +
		string(rowPushNumber) + string(rowQuarantine) + string(rowUser) + periodRows {
		of := kinds[byte(kind)]
		delete(kinds, byte(kind))
		if len(of) == 0 {
			t.Errorf("the store has no row %c", kind)
		}
		n := min(samples, len(of))
		for i := range n {
			list = append(list, of[i*(len(of)-1)/max(1, n-1)])
		}
	}
	if len(kinds) > 0 {
		t.Errorf("the store has %d kinds of rows more than keys.go says", len(kinds))
	}
	return list
}

// Whatever stands in a row, the projection answers or says that it is damaged;
// it never panics (L12).
func TestDamagedRowsNeverPanic(t *testing.T) {
	f, fs := damaged(t)
	rng := rand.New(rand.NewPCG(7, 7))
	for _, r := range rowsOf(t, f.config(copyOf(fs))) {
		variants := [][]byte{nil, {}, r.value[:rng.IntN(len(r.value)+1)], append(append([]byte{}, r.value...), 0)}
		for range max(1, 4/slower) {
			if len(r.value) > 0 {
				v := append([]byte{}, r.value...)
				v[rng.IntN(len(v))] ^= 1 << rng.IntN(8)
				variants = append(variants, v)
			}
		}
		for _, v := range variants {
			err := afterDamage(t, f.config(copyOf(fs)), f, func(db *pebble.DB) error {
				if v == nil {
					return db.Delete(r.key, nil)
				}
				return db.Set(r.key, v, nil)
			})
			if err != nil && !strings.Contains(err.Error(), "rebuil") {
				t.Errorf("row %q as %q: the error does not say what to do: %v", r.key, v, err)
			}
		}
	}
}

// Damage to the parts that hold state is noticed, whatever of the devices has room in
// memory.
func TestDamageIsNoticed(t *testing.T) {
	f, fs := damaged(t)
	for _, budget := range []int{1, 1 << 30} {
		c := func() Config {
			c := f.config(copyOf(fs))
			c.Dictionaries = budget
			return c
		}
		if err := afterDamage(t, c(), f, func(*pebble.DB) error { return nil }); err != nil {
			t.Fatalf("an undamaged store: %v", err)
		}
		for _, r := range rowsOf(t, c()) {
			for name, change := range noticed(r) {
				if err := afterDamage(t, c(), f, change); err == nil {
					t.Errorf("row %q %s, %d bytes for dictionaries: not noticed", r.key, name, budget)
				}
			}
		}
	}
}

// noticed returns the damage to a row that must be noticed.
func noticed(r row) map[string]func(db *pebble.DB) error {
	set := func(v []byte) func(db *pebble.DB) error {
		return func(db *pebble.DB) error { return db.Set(r.key, v, nil) }
	}
	switch r.key[0] {
	case rowTokens, rowDevice, rowPage, rowPush, rowApp, rowMeta:
	case rowPushNumber:
		return map[string]func(db *pebble.DB) error{"foreign": set([]byte("x"))}
	default:
		return nil
	}
	return map[string]func(db *pebble.DB) error{
		"missing":   func(db *pebble.DB) error { return db.Delete(r.key, nil) },
		"empty":     set(nil),
		"truncated": set(r.value[:len(r.value)-1]),
		"longer":    set(append(r.value[:len(r.value):len(r.value)], 1)),
	}
}

// A dictionary cut between two devices reads well, but is too short.
func TestDamagedDictionaryTail(t *testing.T) {
	f, fs := damaged(t)
	last := tokensKey(1, 0, 600/tokensPerPage)
	err := afterDamage(t, f.config(copyOf(fs)), f, func(db *pebble.DB) error {
		v, closer, err := db.Get(last)
		if err != nil {
			return err
		}
		defer closer.Close()
		tail := len("d599") + 1
		return db.Set(last, v[:len(v)-tail], nil)
	})
	if !errors.Is(err, errDamaged) {
		t.Errorf("got %v", err)
	}
}

func TestOpenOtherSchema(t *testing.T) {
	f, fs := damaged(t)
	c := f.config(copyOf(fs))
	db := openRaw(t, c)
	if err := errors.Join(setSchema(db, schema+1), db.Close()); err != nil {
		t.Fatal(err)
	}
	refused(t, c, fmt.Sprintf("schema %d", schema+1), fmt.Sprintf("needs %d", schema), c.Dir)
}

func setSchema(db *pebble.DB, n int) error {
	v, closer, err := db.Get(metaKey())
	if err != nil {
		return err
	}
	defer closer.Close()
	var m meta
	if err := json.Unmarshal(v, &m); err != nil {
		return err
	}
	m.Schema = n
	return db.Set(metaKey(), m.encode(), nil)
}
