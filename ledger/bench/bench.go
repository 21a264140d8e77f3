package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
)

// subject is what a measurement measures.
type subject interface {
	// round takes ceiling and product once, in turn: a value for each line of
	// the measurement, NaN where there is none.
	round(ctx context.Context, n int) (ceiling, product []float64, err error)
	// close gives back what the subject holds; its folder is removed after it.
	close() error
}

// measurement is a row of the table below.
type measurement struct {
	name string
	// once measurements count bytes, which no second round changes.
	once bool
	// several measurements are made over several partitions as well.
	several bool
	// open prepares it, in a folder of its own.
	open func(ctx context.Context, b *run, dir string) (subject, error)
}

// measurements are in the order in which they are made: the one that fills the
// population's ledger comes before those that ask it.
func measurements() []measurement {
	return []measurement{
		{name: "packed", several: true, open: openPacked},
		{name: "single", several: true, open: openSingle},
		{name: "lone", open: openLone},
		{name: "fold", several: true, open: openFold},
		{name: "preview", open: openPreview},
		{name: "holders", open: openHolders},
		{name: "http", open: openHTTP},
		{name: "device", open: openDevice},
		{name: "lookup", open: openLookup},
		{name: "recall", open: openRecall},
		{name: "disk", once: true, open: openDisk},
		{name: "start", open: openStart},
	}
}

// Names are the measurements there are.
func Names() []string {
	var names []string
	for _, m := range measurements() {
		names = append(names, m.name)
	}
	return names
}

// NamesOfSeveral are the measurements that are made over several partitions.
func NamesOfSeveral() []string {
	var names []string
	for _, m := range measurements() {
		if m.several {
			names = append(names, m.name)
		}
	}
	return names
}

// run is one run under way.
type run struct {
	c          Config
	dir        string
	population *population
	// shared is the ledger that holds the population's pushes, and rows a plain
	// store beside it; made when first needed.
	shared *filled
	rows   *plain
	done   int
	total  int
}

// fsyncBurst is how many fsyncs are taken in each round of a durable line, and
// fsyncCount how many at the beginning, for the percentiles.
const (
	fsyncBurst = 100
	fsyncCount = 1000
)

// Run measures, and returns what was measured even when a later measurement
// fails. Errors: a *events.FieldError for a bad Config, ctx's error, or the
// measurement that failed.
func Run(ctx context.Context, c Config) (report *Report, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(c.Dir, "recall-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder to work in: %w", err)
	}
	b := &run{c: c, dir: dir, population: newPopulation(c.Devices)}
	defer func() { err = errors.Join(err, b.close(), os.RemoveAll(dir)) }()
	for _, m := range measurements() {
		if c.wants(&m) {
			b.total += m.rounds(&c)
		}
	}
	start := c.Clock()
	report = &Report{
		At: start, Machine: thisMachine(), Devices: c.Devices, Pushes: c.Pushes, Notifications: c.Notifications,
	}
	if c.Partitions > 1 {
		report.Partitions = c.Partitions
	}
	if report.Disk, err = b.disk(); err != nil {
		return nil, err
	}
	for _, m := range measurements() {
		if !c.wants(&m) {
			continue
		}
		rows, err := b.measure(ctx, m)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return report, fmt.Errorf("measure %s: %w", m.name, err)
		}
		report.Rows = append(report.Rows, rows...)
	}
	report.Took = c.Clock().Sub(start).Seconds()
	return report, nil
}

func (b *run) disk() (Disk, error) {
	took, err := fsyncs(b.dir, b.sampled(fsyncCount), b.c.Clock)
	if err != nil {
		return Disk{}, fmt.Errorf("measure the disk: %w", err)
	}
	return Disk{
		FileSystem: fileSystem(b.dir), PerSecond: float64(len(took)) / sum(took),
		P50: percentile(took, 50), P99: percentile(took, 99),
	}, nil
}

func (m *measurement) rounds(c *Config) int {
	if m.once {
		return 1
	}
	return c.Rounds
}

// measure makes one measurement, all its rounds.
func (b *run) measure(ctx context.Context, m measurement) (rows []Row, err error) {
	dir := filepath.Join(b.dir, m.name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	rounds, lines := m.rounds(&b.c), specs()[m.name]
	b.step(Step{Name: m.name, Rounds: rounds})
	s, err := m.open(ctx, b, dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	defer func() { err = errors.Join(err, s.close(), os.RemoveAll(dir)) }()
	samples := make([][]sample, len(lines))
	for n := range rounds {
		b.step(Step{Name: m.name, Round: n + 1, Rounds: rounds})
		disk := 0.0
		if lines[0].durable {
			took, err := fsyncs(dir, b.sampled(fsyncBurst), b.c.Clock)
			if err != nil {
				return nil, err
			}
			disk = float64(len(took)) / sum(took)
		}
		ceiling, product, err := s.round(ctx, n)
		if err != nil {
			return nil, err
		}
		for i := range lines {
			samples[i] = append(samples[i], sample{ceiling: ceiling[i], product: product[i], fsyncs: disk})
		}
		b.done++
	}
	for i := range lines {
		// What this system does not tell has no line.
		if !math.IsNaN(samples[i][0].product) {
			rows = append(rows, lines[i].row(&b.c, samples[i]))
		}
	}
	return rows, nil
}

func (b *run) step(s Step) {
	if b.c.Progress != nil {
		s.Done, s.Total = b.done, b.total
		b.c.Progress(s)
	}
}

// close gives back what measurements shared.
func (b *run) close() error {
	var errs []error
	if b.shared != nil {
		errs = append(errs, b.shared.close())
	}
	if b.rows != nil {
		errs = append(errs, b.rows.close())
	}
	return errors.Join(errs...)
}

// timed returns how long f takes, in seconds. What was made before is collected
// first, so that neither side pays for the other's garbage.
func (b *run) timed(f func() error) (float64, error) {
	runtime.GC()
	start := b.c.Clock()
	err := f()
	return b.c.Clock().Sub(start).Seconds(), err
}

// times returns how long each of n calls of f takes, in seconds.
func (b *run) times(ctx context.Context, n int, f func(i int) error) ([]float64, error) {
	runtime.GC()
	took := make([]float64, 0, n)
	for i := range n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		start := b.c.Clock()
		if err := f(i); err != nil {
			return nil, err
		}
		took = append(took, b.c.Clock().Sub(start).Seconds())
	}
	return took, nil
}

// tails are the two percentiles that latencies are told by.
func tails(took []float64) []float64 { return []float64{percentile(took, 50), percentile(took, 99)} }

// sampled is how many of n samples a latency is made of: fewer in a run so small
// that it is only tried out.
func (b *run) sampled(n int) int { return min(n, b.c.Devices/20) }
