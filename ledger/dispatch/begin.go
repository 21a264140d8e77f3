package dispatch

import (
	"context"
	"errors"
	"fmt"

	"github.com/recall-ledger/recall-ledger/events"
)

// A call that must not be repeated is claimed on the log before it is made. What
// the queue knows of earlier deliveries is no witness: its server writes that down
// some time after it gave a command out, and a kill in between forgets it. The
// claims of a command stand on one subject, each appended on top of the one before:
//
//	an id         an attempt has begun; unless putBack follows, the vendor may
//	              have been called and nobody knows with what result
//	putBack       that attempt has ended, and what came of its calls is on the log
//
// So an owner that was paused and comes back loses its append, and calls nobody.
const putBack = "put-back"

// maxBegins bounds how often a claim is tried again because its result was
// unknown.
const maxBegins = 5

// claimKey is the key under which the calls of a command are claimed. A caller
// whose own idempotency key looks so is refused as one that used it before.
func claimKey(command events.Position) string { return "call/" + command.String() }

// claim is the log's subject of one command's claims.
type claim struct {
	w         *Worker
	app, push string
	key       string
}

func (r *results) claim() *claim {
	p := r.w.c.Log.Partition()
	return &claim{r.w, r.event.App, r.event.Push, claimKey(events.Position{Partition: p, Seq: r.seq})}
}

// begin claims the calls of a command for this attempt. It returns the claim's
// sequence, 0 when an earlier attempt has begun and not ended.
func (c *claim) begin(ctx context.Context) (events.Seq, error) {
	id := c.w.c.NewID()
	var on events.Seq
	var err error
	for range maxBegins {
		var seq events.Seq
		// Most commands are carried out by one attempt, so it is tried before it
		// is looked.
		if seq, err = c.put(ctx, id, on); err == nil {
			return seq, nil
		}
		if !errors.Is(err, events.ErrConflict) && !errors.Is(err, events.ErrUnknown) {
			return 0, err
		}
		who, last, failed := c.newest(ctx)
		switch {
		case failed != nil:
			return 0, failed
		case who == id:
			return last, nil
		case last > 0 && who != putBack:
			return 0, nil
		}
		on = last
	}
	return 0, err
}

// end notes that what came of an attempt's calls is on the log, so that the next
// attempt may call for who is left.
func (c *claim) end(ctx context.Context, begun events.Seq) error {
	_, err := c.put(ctx, putBack, begun)
	return err
}

func (c *claim) put(ctx context.Context, who string, on events.Seq) (events.Seq, error) {
	record, err := events.Claim(c.w.c.Log.Partition(), c.app, c.push, c.key, who, c.w.c.Clock(), on)
	if err != nil {
		return 0, fmt.Errorf("claim the calls of a command: %w", err)
	}
	pos, err := c.w.c.Log.Append(ctx, []events.Record{record})
	if err != nil {
		return 0, fmt.Errorf("claim the calls of a command: %w", err)
	}
	return pos.Seq, nil
}

// newest reads whose the newest claim is, and its sequence; 0 when there is none.
func (c *claim) newest(ctx context.Context) (who string, last events.Seq, err error) {
	err = c.w.c.Log.ReadSubject(ctx, c.subject(), func(m events.Message) error {
		who, last = "", m.Seq
		e, err := events.Decode(m.Data)
		if err != nil {
			return nil //nolint:nilerr // whoever wrote that may have called
		}
		if k, ok := e.Data.(*events.Key); ok && k.Key == c.key {
			who = k.Fingerprint
		}
		return nil
	})
	return who, last, err
}

func (c *claim) subject() string {
	return events.KeySubject(c.w.c.Log.Partition(), c.app, c.key)
}
