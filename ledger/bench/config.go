package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// The limits of a run (L11).
const (
	DevicesMin       = 1000
	DevicesMax       = 10_000_000
	PushesMax        = 10_000
	NotificationsMin = 1000
	NotificationsMax = 1_000_000_000
	RoundsMax        = 100
	// PartitionsMax is that of a ledger.
	PartitionsMax = jetstream.MaxPartitions
)

// Config configures a run.
type Config struct {
	// Devices is how many devices there are: the large push goes to all of them.
	Devices int
	// Pushes is how many pushes there are besides, each to a 500th of the
	// devices.
	Pushes int
	// Notifications is how many the node holds that is killed.
	Notifications int
	// Rounds is how often ceiling and product are measured in turn.
	Rounds int
	// Partitions is how many the ledger has, 0 for one. Several are measured side
	// by side, each with a large push to all devices, and what is told is their
	// sum; see NamesOfSeveral for what can be measured so.
	Partitions int
	// Only names the measurements to make; none means all. See Names.
	Only []string
	// Dir is where the run makes its folder, on the disk that is measured; ""
	// is the system's folder for temporary files.
	Dir   string
	Clock func() time.Time
	// Node makes the command that runs a node on a data folder, with its API at
	// an address on loopback. It ends with ctx.
	Node func(ctx context.Context, data, address string) *exec.Cmd
	// Progress is told what begins. Optional.
	Progress func(Step)
}

// Step is one round of a measurement.
type Step struct {
	Name string
	// Round counts from 1; it is 0 while the measurement is prepared.
	Round, Rounds int
	// Done of Total rounds of all measurements are over.
	Done, Total int
}

// Validate reports the first setting that is wrong, as a *events.FieldError.
func (c *Config) Validate() error {
	for _, f := range []struct {
		name          string
		value, lo, hi int
	}{
		{"devices", c.Devices, DevicesMin, DevicesMax},
		{"pushes", c.Pushes, 0, PushesMax},
		{"notifications", c.Notifications, NotificationsMin, NotificationsMax},
		{"rounds", c.Rounds, 1, RoundsMax},
		{"partitions", c.partitions(), 1, PartitionsMax},
	} {
		if f.value < f.lo || f.value > f.hi {
			return &events.FieldError{Field: f.name, Reason: fmt.Sprintf("is %d, use %d to %d", f.value, f.lo, f.hi)}
		}
	}
	for _, name := range c.Only {
		if !slices.Contains(Names(), name) {
			return &events.FieldError{Field: "only", Reason: fmt.Sprintf("%q is none of %s", name, strings.Join(Names(), ", "))}
		}
		if several := NamesOfSeveral(); c.Partitions > 1 && !slices.Contains(several, name) {
			return &events.FieldError{Field: "only", Reason: fmt.Sprintf("%q is measured with one partition; with several use %s", name, strings.Join(several, ", "))}
		}
	}
	if c.Clock == nil || c.Node == nil {
		return errors.New("bench: Clock and Node are needed")
	}
	return nil
}

func (c *Config) wants(m *measurement) bool {
	return (len(c.Only) == 0 || slices.Contains(c.Only, m.name)) && (c.Partitions <= 1 || m.several)
}

func (c *Config) partitions() int { return cmp.Or(c.Partitions, 1) }
