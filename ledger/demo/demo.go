package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/ledger/node"
)

// The names of the campaign.
const (
	appName  = "demo"
	pushName = "flash-sale"
	slotName = "4711"
)

// The limits of a demo (L11).
const (
	DevicesMin = 1000
	DevicesMax = 5_000_000
	PhonesMin  = phonesMin
	PhonesMax  = 100
	// PartitionsMax is that of a ledger.
	PartitionsMax = jetstream.MaxPartitions
)

// Config configures a demo.
type Config struct {
	// Devices is how many devices are simulated, Phones how many real clients
	// there are besides.
	Devices, Phones int
	// Partitions is how many the ledger has; 0 is one.
	Partitions int
	Seed       uint64
	// Dir is the folder to use and keep; "" is a temporary one.
	Dir string
	// Keep leaves the node running at the end, until the context ends.
	Keep bool
	// After is for how long reports arrive after the recall; 0 is derived from
	// Devices.
	After time.Duration
	// Out is where everything is said. Terminal says that it can be redrawn;
	// Width is then how many columns it has.
	Out      io.Writer
	Terminal bool
	Width    func() int
	// Quiet leaves out how far the recall is.
	Quiet bool
	// Clock, and Wait to pass time, which returns early with ctx's error.
	Clock func() time.Time
	Wait  func(ctx context.Context, d time.Duration) error
	// Logger is told what the node says. Optional.
	Logger  *slog.Logger
	Version string
}

// Validate reports the first setting that is wrong.
func (c *Config) Validate() error {
	switch {
	case c.Devices < DevicesMin || c.Devices > DevicesMax:
		return fmt.Errorf("devices: is %d, use %d to %d", c.Devices, DevicesMin, DevicesMax)
	case c.Phones < PhonesMin || c.Phones > PhonesMax:
		return fmt.Errorf("real devices: is %d, use %d to %d", c.Phones, PhonesMin, PhonesMax)
	case c.Partitions < 0 || c.Partitions > PartitionsMax:
		return fmt.Errorf("partitions: is %d, use 1 to %d", c.Partitions, PartitionsMax)
	case c.Out == nil || c.Clock == nil || c.Wait == nil:
		return errors.New("demo: Out, Clock and Wait are needed")
	case c.Terminal && c.Width == nil:
		return errors.New("demo: a terminal needs Width")
	}
	return nil
}

// ErrNotExact is a demo whose books and ledger differ. What differs was said.
var ErrNotExact = errors.New("the account is not exact")

// Run plays a demo, or goes on with the one in the folder. It returns nil only
// when the account is exact.
func Run(ctx context.Context, c Config) (err error) {
	if err := c.Validate(); err != nil {
		return err
	}
	p := &play{c: c, dir: c.Dir, show: newDisplay(c)}
	if c.Dir == "" {
		dir, err := os.MkdirTemp("", "recall-demo-")
		if err != nil {
			return err
		}
		p.dir = dir
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	err = p.open()
	switch {
	case err != nil:
	case p.state.Step == finished && !c.Keep:
		p.show.over(p.state.Exact)
		err = p.result()
	default:
		err = p.run(ctx)
	}
	return errors.Join(err, p.close())
}

// result is how the demo ended.
func (p *play) result() error {
	if !p.state.Exact {
		return ErrNotExact
	}
	return nil
}

// play is one run of a demo.
type play struct {
	c        Config
	dir      string
	show     *display
	state    *state
	campaign *campaign
	books    *books
	vendors  *vendors
	phones   *phones
	receipts *journal
	// home is the partition of the push: everything the books hold stands there.
	home   int
	client *api.Client
	node   *node.Node
	// found gathers what differs.
	found findings
}

// open reads or begins the state, and makes everything that follows from it.
func (p *play) open() error {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return err
	}
	s, err := loadState(p.dir)
	if err != nil {
		return err
	}
	if s == nil {
		// The campaign began a while ago, so that nothing in it lies ahead.
		s = &state{
			Seed: p.c.Seed, Devices: p.c.Devices, Phones: p.c.Phones, Partitions: p.c.Partitions, Step: sending,
			Began: p.c.Clock().Add(-ticks * tickSpan).UTC().Truncate(time.Millisecond),
		}
	} else if s.Seed != p.c.Seed || s.Devices != p.c.Devices || s.Phones != p.c.Phones || max(s.Partitions, 1) != max(p.c.Partitions, 1) {
		several := ""
		if s.Partitions > 1 || p.c.Partitions > 1 {
			several = fmt.Sprintf(" --partitions %d", max(s.Partitions, 1))
		}
		return fmt.Errorf("%s holds a demo with --devices %d --real-devices %d --seed %d%s; run it with those, or name another folder",
			p.dir, s.Devices, s.Phones, s.Seed, several)
	}
	p.state = s
	p.home = events.PartitionOf(appName, pushName, s.Partitions)
	if s.Step == finished && !p.c.Keep {
		return nil
	}
	s.Runs++
	if err := s.save(p.dir); err != nil {
		return err
	}
	p.campaign = newCampaign(s.Seed, s.Devices)
	p.books = newBooks(p.campaign)
	p.phones = newPhones(s.Phones, p.c.Clock)
	p.vendors = newVendors(p.campaign, p.now, p.c.Wait)
	if p.receipts, err = openJournal(filepath.Join(p.dir, fileReceipts), p.books.remember); err != nil {
		return err
	}
	p.vendors.journal, err = openJournal(filepath.Join(p.dir, fileCalls), p.vendors.remember)
	return err
}

// close gives the files back.
func (p *play) close() error {
	var errs []error
	if p.receipts != nil {
		errs = append(errs, p.receipts.close())
	}
	if p.vendors != nil && p.vendors.journal != nil {
		errs = append(errs, p.vendors.journal.close())
	}
	return errors.Join(errs...)
}

// now is the time since the campaign began, in milliseconds.
func (p *play) now() int64 { return p.c.Clock().Sub(p.state.Began).Milliseconds() }

// run starts the node and plays on it.
func (p *play) run(ctx context.Context) error {
	began := p.c.Clock()
	c := node.Default()
	c.Data = filepath.Join(p.dir, dirLedger)
	c.Log.Partitions = p.state.Partitions
	c.HTTP.Listen, c.Devices.Listen = "127.0.0.1:0", "127.0.0.1:0"
	c.Emitters, c.Logger, c.Clock, c.Version = p.vendors.emitters(), p.c.Logger, p.c.Clock, p.c.Version
	n, err := node.Start(ctx, c)
	if err != nil {
		return err
	}
	p.node = n
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	defer transport.CloseIdleConnections()
	p.client, err = api.NewClient(api.ClientConfig{
		URL: "http://" + n.Address(), App: appName, HTTP: &http.Client{Transport: transport},
	})
	if err != nil {
		return err
	}
	g, inner := errgroup.WithContext(ctx)
	stage, end := context.WithCancel(inner)
	g.Go(func() error {
		defer end()
		// The node outlives the play, so that nobody is left without answer.
		return n.Run(stage)
	})
	g.Go(func() error {
		defer end()
		defer transport.CloseIdleConnections()
		defer p.phones.close()
		p.show.started(p, p.c.Clock().Sub(began))
		return p.steps(inner)
	})
	return g.Wait()
}

// steps plays what is left to play.
func (p *play) steps(ctx context.Context) error {
	if p.state.Step != finished {
		if err := p.upToRecall(ctx); err != nil {
			return err
		}
		if err := p.carryOut(ctx); err != nil {
			return err
		}
		if err := p.aftermath(ctx); err != nil {
			return err
		}
		if err := p.account(ctx); err != nil {
			return err
		}
		p.state.Step, p.state.Exact = finished, p.found.none()
		if err := p.state.save(p.dir); err != nil {
			return err
		}
	}
	if p.c.Keep {
		p.show.keeping(p)
		<-ctx.Done()
	}
	return p.result()
}
