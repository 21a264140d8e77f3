package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// step is how far a demo is.
type step string

const (
	// sending: what happened before the recall is reported.
	sending step = "sending"
	// asking: the recall was asked for, perhaps without an answer.
	asking step = "asking"
	// recalled: it is known where the recall stands.
	recalled step = "recalled"
	// finished: the account was made.
	finished step = "finished"
)

// state is what a demo must know to go on after it was killed. Everything else
// follows from the seed, the journals and the ledger.
type state struct {
	Seed    uint64 `json:"seed"`
	Devices int    `json:"devices"`
	Phones  int    `json:"real_devices"`
	// Partitions is how many the ledger has; demos of before there were several
	// have one and say nothing.
	Partitions int       `json:"partitions,omitempty"`
	Began      time.Time `json:"began"`
	Step       step      `json:"step"`
	// Runs counts the starts, this one included.
	Runs     int        `json:"runs"`
	Recall   string     `json:"recall,omitempty"`
	Position events.Seq `json:"position,omitempty"`
	Accepted time.Time  `json:"accepted,omitzero"`
	// Exact is the result of a finished demo.
	Exact bool `json:"exact,omitempty"`
}

// The files of a demo's folder.
const (
	fileState    = "demo.json"
	fileReceipts = "demo.receipts"
	fileCalls    = "demo.calls"
	dirLedger    = "ledger"
)

// errForeign is a folder that holds something else than a demo.
var errForeign = errors.New("holds a ledger that is no demo's; name an empty or new folder with --data")

// loadState reads the state of a folder; nil when the folder is new.
func loadState(dir string) (*state, error) {
	b, err := os.ReadFile(filepath.Join(dir, fileState))
	if errors.Is(err, os.ErrNotExist) {
		for _, name := range []string{dirLedger, "log", "projection"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				return nil, fmt.Errorf("%s %w", dir, errForeign)
			}
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &state{}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, fileState), err)
	}
	return s, nil
}

// save replaces the state: a crash leaves the old one or the new one.
func (s *state) save(dir string) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	name := filepath.Join(dir, fileState)
	if err := os.WriteFile(name+".new", append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}
