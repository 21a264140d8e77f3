package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// results gathers what came of one command, grouped as it is recorded.
type results struct {
	w       *Worker
	event   *events.Event
	command *events.Command
	seq     events.Seq
	attempt int
	// perCall is how many devices one call takes, 0 means all of a command.
	perCall int
	// repeatable is true when a call of the command can be repeated without harm.
	repeatable bool
	// begun is the claim under which calls that must not be repeated are made; 0
	// when none was needed or got.
	begun events.Seq

	// mu guards what follows: the calls of one command run side by side.
	mu     sync.Mutex
	groups []group
	// left is true when devices are left without an outcome; they are tried
	// again after a while.
	left  bool
	after time.Duration
}

type group struct {
	kind   events.Kind
	reason string
	// send is the vendor's id of the send that brought a replacement.
	send    string
	devices []string
}

func (r *results) add(k events.Kind, reason string, devices ...string) {
	r.addSent(k, reason, "", devices...)
}

// addSent adds devices that a new send of the vendor reached.
func (r *results) addSent(k events.Kind, reason, send string, devices ...string) {
	reason = printable(reason)
	if events.CheckID("send", send, events.MaxSend) != nil {
		send = "" // of an id that no event can hold nothing is kept
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.groups, func(g group) bool { return g.kind == k && g.reason == reason && g.send == send })
	if i < 0 {
		i = len(r.groups)
		r.groups = append(r.groups, group{kind: k, reason: reason, send: send})
	}
	r.groups[i].devices = append(r.groups[i].devices, devices...)
}

// leave notes that devices are left for another attempt.
func (r *results) leave(after time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left, r.after = true, max(r.after, after)
}

// printable makes a reason that an event may hold of whatever an adapter gave:
// an outcome must not be lost, and its call repeated, for a word.
func printable(reason string) string {
	if events.CheckText("reason", reason, events.MaxReason) == nil {
		return reason
	}
	reason = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(reason, "?"))
	if len(reason) > events.MaxReason {
		reason = strings.ToValidUTF8(reason[:events.MaxReason], "")
	}
	return reason
}

// commit puts the outcomes on the log, however long that takes: until ctx ends
// the results are nowhere but here.
func (r *results) commit(ctx context.Context) error {
	sent, err := r.sent(ctx)
	if err != nil {
		return err
	}
	records, err := r.records()
	if err != nil {
		return err
	}
	// What devices hold of the new push stands in its own partition, so it cannot be
	// one batch with the outcomes. It is first: a crash between the two leaves the
	// command to be carried out again, and not a holder nobody knows of.
	for _, s := range sent {
		if err := r.put(ctx, s.committer, s.records); err != nil {
			return err
		}
	}
	if err := r.put(ctx, r.w.c.Committer, records); err != nil {
		return err
	}
	if r.w.c.Observer.Ended != nil {
		for _, g := range r.groups {
			r.w.c.Observer.Ended(r.command.Channel, g.kind, len(g.devices))
		}
	}
	return nil
}

// put commits records. They are idempotent in the fold, so an append whose result
// is unknown is repeated.
func (r *results) put(ctx context.Context, c *events.Committer, records []events.Record) error {
	for try := 1; len(records) > 0; try++ {
		_, err := c.Commit(ctx, records)
		if err == nil {
			break
		}
		if ctx.Err() != nil || errors.Is(err, events.ErrClosed) {
			return fmt.Errorf("record outcomes: %w", err)
		}
		r.again(ctx, try, err)
	}
	return nil
}

// commitPause is the longest wait before outcomes are given to the log again.
const commitPause = 5 * time.Second

func (r *results) records() ([]events.Record, error) {
	now := r.w.c.Clock()
	partition := r.w.c.Log.Partition()
	var records []events.Record
	for _, g := range r.groups {
		// Where no call for the app has ever worked, a vendor that calls every
		// token dead may mean that the configuration is wrong.
		if g.reason == channels.ReasonDeadToken && !r.w.gates.of(r.event.App).proven() {
			g.reason = channels.ReasonAllTokensBad
		}
		o := &events.Outcome{
			Recall: r.command.Recall, Channel: r.command.Channel, Devices: g.devices,
			Command: r.seq, Reason: g.reason, Attempt: r.attempt,
		}
		rec, err := record(partition, r.event.App, r.event.Push, now, g.kind, o)
		if err != nil {
			return nil, err
		}
		records = append(records, rec)
		if r.overwrote(g) && r.w.c.Home == nil {
			if rec, err = r.fact(partition, now, g); err != nil {
				return nil, err
			}
			records = append(records, rec)
		}
	}
	return records, nil
}

// overwrote reports whether the devices of a group show the new push now: it can be
// recalled like any other.
func (r *results) overwrote(g group) bool {
	done := g.kind == events.OutcomeAccepted || g.kind == events.OutcomeConfirmed
	return done && r.command.Replacement != "" && channels.Method(r.command.Method) == channels.Overwrite
}

func (r *results) fact(partition int, now time.Time, g group) (events.Record, error) {
	f := &events.Fact{Channel: r.command.Channel, Devices: g.devices, Send: g.send}
	return record(partition, r.event.App, r.command.Replacement, now, events.PushSent, f)
}

// elsewhere are the records for another partition.
type elsewhere struct {
	committer *events.Committer
	records   []events.Record
}

// sent are the facts of the new push, where several partitions are.
func (r *results) sent(ctx context.Context) ([]elsewhere, error) {
	if r.w.c.Home == nil {
		return nil, nil
	}
	now := r.w.c.Clock()
	var list []elsewhere
	for _, g := range r.groups {
		if !r.overwrote(g) {
			continue
		}
		partition, committer, err := r.home(ctx)
		if err != nil {
			return nil, err
		}
		rec, err := r.fact(partition, now, g)
		if err != nil {
			return nil, err
		}
		list = append(list, elsewhere{committer, []events.Record{rec}})
	}
	return list, nil
}

// home finds the partition of the new push, however long that takes: an outcome that
// waits for it is nowhere but here.
func (r *results) home(ctx context.Context) (int, *events.Committer, error) {
	for try := 1; ; try++ {
		n, c, err := r.w.c.Home(ctx, r.event.App, r.command.Replacement)
		if err == nil {
			return n, c, nil
		}
		if ctx.Err() != nil {
			return 0, nil, fmt.Errorf("record outcomes: %w", err)
		}
		r.again(ctx, try, err)
	}
}

// again waits before what came of the command is tried to be recorded once more.
func (r *results) again(ctx context.Context, try int, why error) {
	r.w.c.Logger.WarnContext(ctx, "outcomes wait to be recorded", "channel", r.command.Channel, "seq", uint64(r.seq), "error", why.Error())
	wait := time.NewTimer(min(r.w.backoff(try), commitPause))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
}
