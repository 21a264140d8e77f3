package projections

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/recall-ledger/recall-ledger/events"
)

// countRounds returns what so many checkpoints say, each with an event before it that
// names a new device.
func countRounds(t *testing.T, f *fixture, p *Projection, rounds int) error {
	t.Helper()
	for range rounds {
		f.fact(events.PushSent, "p", "fcm", token(1_000_000+len(f.log.Messages())))
		f.catchUp(p)
		if err := p.Checkpoint(); err != nil {
			return err
		}
	}
	return nil
}

// A device of which the row is missing, or has the ordinal of another, is noticed even
// where dictionaries have no room in memory, before or after the fold gave the device
// a second ordinal (L12): it takes as many checkpoints as there are rows to count.
func TestLostDeviceIsCounted(t *testing.T) {
	const population = 2*countedRows + 1000
	f := newFixture(t)
	for from := 0; from < population; from += 1000 {
		f.fact(events.PushSent, "p", "fcm", tokens(from, 1000)...)
	}
	f.fact(events.PushSent, "p", "apns", token(1), token(2))
	fs := vfs.NewCrashableMem()
	p := f.open(f.config(fs))
	f.catchUp(p)
	closeNow(t, p)
	lost := token(population - 1)
	row := deviceKey(1, 0, hashToken(lost))
	for name, change := range map[string]func(db *pebble.DB) error{
		"undamaged": func(*pebble.DB) error { return nil },
		"missing":   func(db *pebble.DB) error { return db.Delete(row, nil) },
		"double":    func(db *pebble.DB) error { return db.Set(row, binary.BigEndian.AppendUint32(nil, 7), nil) },
		"other channel": func(db *pebble.DB) error {
			return db.Delete(deviceKey(1, 1, hashToken(token(2))), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := f.config(copyOf(fs))
			c.Dictionaries = 1
			db := openRaw(t, c)
			if err := errors.Join(change(db), db.Close()); err != nil {
				t.Fatal(err)
			}
			p := f.open(c)
			f.fact(events.ClickClicked, "p", "fcm", lost)
			f.catchUp(p)
			err := countRounds(t, f, p, 4)
			if name == "undamaged" {
				// It begins anew, with what came meanwhile.
				if err := errors.Join(err, countRounds(t, f, p, 4)); err != nil {
					t.Errorf("an undamaged store: %v", err)
				}
				closeNow(t, p)
				return
			}
			if !errors.Is(err, errDamaged) {
				t.Errorf("four checkpoints said %v", err)
			}
			if err := p.Close(); !errors.Is(err, errDamaged) {
				t.Errorf("Close said %v", err)
			}
		})
	}
}

// Where all devices have room in memory the fold notices a lost row itself, as soon as
// they are there, and writes nothing more.
func TestLostDeviceStopsTheFold(t *testing.T) {
	f, fs := damaged(t)
	c := f.config(copyOf(fs))
	db := openRaw(t, c)
	if err := errors.Join(db.Delete(deviceKey(1, 0, hashToken("d7")), nil), db.Close()); err != nil {
		t.Fatal(err)
	}
	p := f.open(c)
	if err := p.Apply(f.messages()[p.Applied().Seq]); !errors.Is(err, errDamaged) {
		t.Errorf("Apply said %v", err)
	}
	if err := p.Close(); !errors.Is(err, errDamaged) {
		t.Errorf("Close said %v", err)
	}
}
