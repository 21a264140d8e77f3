package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/projections"
)

// The push that goes wrong.
const (
	title = "Flash sale: everything 90 % off"
	body  = "Only today, in the whole shop."
)

func recallRequest() api.RecallRequest {
	return api.RecallRequest{Push: pushName, Action: channels.Recall, Reason: "wrong price: 9 %, not 90 %"}
}

// key is the idempotency key of the recall: the same after a crash (L6).
func (p *play) key() string { return fmt.Sprintf("demo-%d", p.state.Seed) }

// upToRecall plays until it is known where the recall stands.
func (p *play) upToRecall(ctx context.Context) error {
	anew := p.state.Step == sending
	switch p.state.Step {
	case sending:
		if err := p.announce(ctx); err != nil {
			return err
		}
		if err := p.send(ctx); err != nil {
			return err
		}
		if err := p.preview(ctx); err != nil {
			return err
		}
		// One of the phones is out of reach when the recall comes.
		p.phones.list[phoneLosesLine].line.cut()
		p.state.Step = asking
		if err := p.state.save(p.dir); err != nil {
			return err
		}
		if err := p.ask(ctx); err != nil {
			return err
		}
	case asking:
		if err := p.askAgain(ctx); err != nil {
			return err
		}
	case recalled, finished:
		p.books.replay(p.state.Position)
	}
	p.show.accepted(p, anew)
	return p.switchOn(ctx, func(i int) bool { return i != phoneLosesLine && i != phoneComesLater })
}

// switchOn connects the phones that are not connected yet.
func (p *play) switchOn(ctx context.Context, which func(i int) bool) error {
	for i, f := range p.phones.list {
		if f.device == nil && which(i) {
			if err := p.phones.connect(ctx, p.client, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// announce creates the push and shows it on the real phones; one user clicks.
func (p *play) announce(ctx context.Context) error {
	if err := p.switchOn(ctx, func(i int) bool { return i != phoneComesLater }); err != nil {
		return err
	}
	var lines []byte
	for _, e := range []*events.Event{
		{Header: events.Header{Kind: events.PushCreated}, Data: &events.Created{
			Title: title, Body: body, Slot: slotName, Audience: events.Audience{Kind: events.AudienceAll},
		}},
		{Header: events.Header{Kind: events.PushSent}, Data: &events.Fact{Channel: selfbuilt.Channel, Devices: p.phones.ids()}},
	} {
		e.App, e.Push, e.Time = appName, pushName, p.state.Began
		var err error
		if lines, err = events.Append(lines, e); err != nil {
			return err
		}
		lines = append(lines, '\n')
	}
	if _, err := p.post(ctx, lines); err != nil {
		return err
	}
	if err := p.tellOthers(ctx); err != nil {
		return err
	}
	note := selfbuilt.Notification{Push: pushName, Slot: slotName, Title: title, Body: body}
	if err := p.node.Sender().Show(ctx, appName, p.phones.ids(), note); err != nil {
		return err
	}
	if err := p.phones.await(ctx, "show the push", func(_ int, f *phone) bool { return f.shows(pushName) && f.quiet() }); err != nil {
		return err
	}
	if err := p.phones.list[phoneClicks].device.Click(ctx, pushName); err != nil {
		return err
	}
	p.show.announced(p)
	return nil
}

// send reports everything that happened before the recall, as fast as it goes.
func (p *play) send(ctx context.Context) error {
	start := p.c.Clock()
	reports, err := p.sendAll(ctx)
	if err != nil {
		return err
	}
	stored := p.c.Clock().Sub(start)
	// An answer as new as the last event says that all of it was folded.
	if err := p.folded(ctx); err != nil {
		return err
	}
	for i := range p.campaign.cut {
		p.books.enter(i)
	}
	p.show.sent(p, reports, stored, p.c.Clock().Sub(start))
	return nil
}

// folded waits until the ledger's answers cover everything with a receipt.
func (p *play) folded(ctx context.Context) error {
	var last events.Seq
	for _, r := range p.books.receipts {
		last = max(last, r.seq)
	}
	_, err := p.client.Push(ctx, pushName, api.ReadOptions{AtLeast: events.Positions{{Partition: p.home, Seq: last}}})
	return err
}

// preview asks what a recall would do, and compares it with the books.
func (p *play) preview(ctx context.Context) error {
	v, err := p.client.Preview(ctx, recallRequest())
	if err != nil {
		return err
	}
	p.show.preview(p, v)
	for _, c := range v.Channels {
		lane, ok := p.campaign.lane(c.Channel)
		if !ok {
			continue
		}
		n := p.books.counts(lane)
		p.found.equal(c.Channel+": certain holders in the preview", c.Certain, n.certain)
		p.found.equal(c.Channel+": possible holders in the preview", c.Possible, n.possible)
		p.found.equal(c.Channel+": clicked in the preview", c.Clicked, n.facts[clicked])
	}
	return nil
}

// carryOut follows the recall while reports go on arriving, until all of it is
// settled.
func (p *play) carryOut(ctx context.Context) error {
	watching, stop := context.WithCancel(ctx)
	watched := make(chan error, 1)
	go func() { watched <- p.watch(watching, "") }()
	var back sync.WaitGroup
	back.Go(func() { p.reconnect(watching) })
	defer back.Wait()
	defer stop()
	err := p.trickle(ctx)
	if err == nil {
		err = p.folded(ctx)
	}
	stop()
	if e := <-watched; err == nil && !errors.Is(e, context.Canceled) {
		err = e
	}
	if err != nil {
		return err
	}
	// All that can come late has come: what is settled now stays so.
	if err := p.watch(ctx, "settled"); err != nil {
		return err
	}
	p.show.settled(p)
	return nil
}

// offline is for how long the phone that lost its line is away: longer, and it
// would try again less often than anybody likes to wait.
const offline = 3 * time.Second

// reconnect mends the line after a while, or when ctx ends.
func (p *play) reconnect(ctx context.Context) {
	if l := p.phones.list[phoneLosesLine].line; l != nil {
		// Either way its time is over.
		_ = p.c.Wait(ctx, offline)
		l.mend()
	}
}

// watch shows the recall's progress until it is at its end or ctx ends.
func (p *play) watch(ctx context.Context, until string) error {
	for {
		err := p.client.Watch(ctx, p.state.Recall, until, func(r projections.Recall) error {
			p.show.progress(p, &r, p.c.Clock())
			return nil
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !errors.Is(err, api.ErrWatchEnded) {
			return err
		}
		if err := p.c.Wait(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// errSeen ends a watch.
var errSeen = errors.New("seen")

// aftermath lets the missing phones return, and asks for the recall once more.
func (p *play) aftermath(ctx context.Context) error {
	if err := p.switchOn(ctx, func(int) bool { return true }); err != nil {
		return err
	}
	gone := func(i int, f *phone) bool { return i == phoneClicks || !f.shows(pushName) && f.quiet() }
	if err := p.phones.await(ctx, "take the push back", gone); err != nil {
		return err
	}
	want := uint32(len(p.phones.list) - 1)
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := p.client.Watch(bounded, p.state.Recall, "", func(r projections.Recall) error {
		for _, c := range r.Channels {
			if c.Channel == selfbuilt.Channel && c.Confirmed >= want {
				return errSeen
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errSeen) {
		return fmt.Errorf("wait for %d confirmations: %w", want, err)
	}
	p.show.phones(p)
	return p.askTwice(ctx)
}

// askTwice asks for the recall under another key: it must be refused (L5).
func (p *play) askTwice(ctx context.Context) error {
	a, err := p.client.Recall(ctx, recallRequest(), p.key()+"-again")
	var problem *api.Problem
	switch {
	case err == nil:
		p.found.differ("a second recall was accepted as %s", a.Recall)
		return nil
	case !errors.As(err, &problem):
		return err
	case problem.Code != string(ledger.AlreadyRecalled):
		p.found.differ("a second recall was refused as %s, expected %s", problem.Code, ledger.AlreadyRecalled)
	case problem.First == nil || problem.First.Recall != p.state.Recall:
		p.found.differ("the refusal of a second recall does not name the first")
	}
	p.show.refusal(problem)
	return nil
}
