package demo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// perRequest is how many packets one request carries; senders is how many
// requests are under way while the order does not matter.
const (
	perRequest = 64
	senders    = 3
	// tries bounds how often a request without an answer is repeated.
	tries = 10
)

// post publishes events and returns the positions of the last in each partition. A
// report is idempotent (L4), so what got no answer is sent again.
func (p *play) post(ctx context.Context, body []byte) (events.Positions, error) {
	for try := 1; ; try++ {
		a, err := p.client.Publish(ctx, api.TypeNDJSON, bytes.NewReader(body))
		if err == nil && len(a.Refused) > 0 {
			return nil, fmt.Errorf("the ledger refused %d events; the first: %s: %s", len(a.Refused), a.Refused[0].Field, a.Refused[0].Reason)
		}
		if err == nil {
			return a.Position, nil
		}
		pause := 100 * time.Millisecond
		var problem *api.Problem
		if errors.As(err, &problem) {
			if problem.Status != http.StatusTooManyRequests && problem.Status != http.StatusServiceUnavailable {
				return nil, fmt.Errorf("publish: %w", err)
			}
			pause = max(pause, time.Duration(problem.RetryAfter)*time.Second)
		}
		if try == tries || ctx.Err() != nil {
			return nil, fmt.Errorf("publish: %w", err)
		}
		if err := p.c.Wait(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// publish sends packets in one request and keeps the receipt.
func (p *play) publish(ctx context.Context, from, to int) error {
	var body []byte
	var err error
	for _, packet := range p.campaign.packets[from:to] {
		if body, err = p.campaign.append(body, packet, appName, pushName, p.state.Began); err != nil {
			return err
		}
	}
	at, err := p.post(ctx, body)
	if err != nil {
		return err
	}
	return p.receipt(from, to, at.Of(p.home))
}

// receipt notes that packets are on the log, at a position or before it.
func (p *play) receipt(from, to int, seq events.Seq) error {
	at := p.now()
	err := p.receipts.add(func(b []byte) []byte {
		b = binary.LittleEndian.AppendUint32(b, uint32(from))
		b = binary.LittleEndian.AppendUint32(b, uint32(to))
		b = binary.LittleEndian.AppendUint64(b, uint64(seq))
		return binary.LittleEndian.AppendUint64(b, uint64(at))
	})
	for i := from; i < to; i++ {
		p.books.receipts[i] = receipt{seq, at}
	}
	return err
}

// remember reads one entry that receipt wrote.
func (b *books) remember(entry []byte) error {
	if len(entry) != 24 {
		return errDamaged
	}
	from, to := int(binary.LittleEndian.Uint32(entry)), int(binary.LittleEndian.Uint32(entry[4:]))
	if from > to || to > len(b.receipts) {
		return errDamaged
	}
	r := receipt{events.Seq(binary.LittleEndian.Uint64(entry[8:])), int64(binary.LittleEndian.Uint64(entry[16:]))}
	for i := from; i < to; i++ {
		b.receipts[i] = r
	}
	return nil
}

// sendAll publishes everything that comes before the recall and has no receipt.
func (p *play) sendAll(ctx context.Context) (reports int, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(senders)
	for from := 0; from < p.campaign.cut; from += perRequest {
		to := min(from+perRequest, p.campaign.cut)
		if !slices.ContainsFunc(p.books.receipts[from:to], func(r receipt) bool { return r.seq == 0 }) {
			continue
		}
		reports += p.campaign.reports(from, to)
		g.Go(func() error { return p.publish(ctx, from, to) })
	}
	return reports, g.Wait()
}

// unsent returns the first packet after the recall's that has no receipt.
func (p *play) unsent() int {
	i := p.campaign.cut
	for i < len(p.campaign.packets) && p.books.receipts[i].seq != 0 {
		i++
	}
	return i
}

// trickle publishes what is left, in order, at the campaign's pace.
func (p *play) trickle(ctx context.Context) error {
	start, first := p.c.Clock(), p.campaign.tickOf(p.unsent())
	per := p.after() / (ticks - recallTick)
	for i := p.unsent(); i < len(p.campaign.packets); {
		tick := p.campaign.tickOf(i)
		if early := start.Add(time.Duration(tick-first) * per).Sub(p.c.Clock()); early > 0 {
			if err := p.c.Wait(ctx, early); err != nil {
				return err
			}
		}
		to := i
		for to < len(p.campaign.packets) && to-i < perRequest && p.campaign.tickOf(to) == tick {
			to++
		}
		if err := p.publish(ctx, i, to); err != nil {
			return err
		}
		for ; i < to; i++ {
			p.books.enter(i)
		}
	}
	return nil
}

// after is for how long reports arrive after the recall: about as long as it
// takes to carry it out.
func (p *play) after() time.Duration {
	if p.c.After > 0 {
		return p.c.After
	}
	return min(max(time.Duration(p.campaign.devices)*time.Second/35_000, 2*time.Second), 25*time.Second)
}

// ask asks for the recall while reports go on arriving, one event per request, so
// that for each of them it is known whether it came before the recall or after.
func (p *play) ask(ctx context.Context) error {
	type result struct {
		answer api.RecallAnswer
		err    error
	}
	answered := make(chan result, 1)
	go func() {
		a, err := p.client.Recall(ctx, recallRequest(), p.key())
		answered <- result{a, err}
	}()
	var waiting []int
	for i := p.unsent(); ; i++ {
		select {
		case r := <-answered:
			if r.err != nil {
				return r.err
			}
			return p.settlePlan(ctx, r.answer.Recall, waiting)
		default:
		}
		if i == len(p.campaign.packets) {
			return errors.New("the campaign ended before the recall was answered; use more devices")
		}
		if err := p.publish(ctx, i, i+1); err != nil {
			return err
		}
		waiting = append(waiting, i)
	}
}

// settlePlan notes where the recall stands, and on which side of it the packets
// sent meanwhile are.
func (p *play) settlePlan(ctx context.Context, recall string, waiting []int) error {
	v, err := p.client.GetRecall(ctx, recall)
	if err != nil {
		return err
	}
	p.state.Recall, p.state.Position, p.state.Accepted, p.state.Step = recall, v.Position.Seq, v.At, recalled
	if err := p.state.save(p.dir); err != nil {
		return err
	}
	for _, i := range waiting {
		if p.books.receipts[i].seq < v.Position.Seq {
			p.books.enter(i)
		}
	}
	p.books.accept(v.Position.Seq)
	for _, i := range waiting {
		if p.books.receipts[i].seq > v.Position.Seq {
			p.books.enter(i)
		}
	}
	return nil
}

// askAgain is ask after a crash: the same request under the same key gets the
// first answer, or is accepted now (L6). A packet may be on the log without a
// receipt; whether it is, and where, is read from the log, never guessed (L1).
func (p *play) askAgain(ctx context.Context) error {
	a, err := p.client.Recall(ctx, recallRequest(), p.key())
	if err != nil {
		return err
	}
	if i := p.unsent(); i < len(p.campaign.packets) {
		seq, err := p.find(ctx, i)
		if err != nil {
			return err
		}
		if seq != 0 {
			if err := p.receipt(i, i+1, seq); err != nil {
				return err
			}
		}
	}
	v, err := p.client.GetRecall(ctx, a.Recall)
	if err != nil {
		return err
	}
	p.state.Recall, p.state.Position, p.state.Accepted, p.state.Step = a.Recall, v.Position.Seq, v.At, recalled
	if err := p.state.save(p.dir); err != nil {
		return err
	}
	p.books.replay(v.Position.Seq)
	return nil
}

// find looks for a packet in the history of a device that is named first in it;
// 0 when it is not on the log, or changed nothing.
func (p *play) find(ctx context.Context, packet int) (events.Seq, error) {
	before := newBooks(p.campaign)
	before.receipts = p.books.receipts
	before.replay(0)
	k := p.campaign.packets[packet]
	for _, d := range p.campaign.members(k) {
		if before.had[d]&(1<<k.fact) != 0 {
			continue
		}
		channel := p.campaign.lanes[k.lane].channel
		a, err := p.client.Notification(ctx, pushName, p.campaign.name(int(k.lane), int(d)), channel, api.ReadOptions{})
		var problem *api.Problem
		if errors.As(err, &problem) && problem.Status == http.StatusNotFound {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		for _, h := range a.History {
			if h.Kind == k.fact.kind() {
				return h.Position.Seq, nil
			}
		}
		if a.Truncated {
			return 0, errors.New("the history of a device is too long to find a report in it")
		}
		return 0, nil
	}
	return 0, nil
}
