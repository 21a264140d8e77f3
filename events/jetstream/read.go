package jetstream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"github.com/recall-ledger/recall-ledger/events"
)

const (
	// prefetch bounds what the server sends ahead of the reader, in bytes and
	// messages: a packed fact may be large, a single one is small.
	prefetchMessages = 2000
	prefetchBytes    = 16 << 20
	// few is how many messages of a filter are read one by one: a consumer costs
	// more, in a cluster an agreement of all its servers.
	few = 64
	// readBeat is how often a server that has nothing to send says so. Twice
	// that without a word, and another is asked.
	readBeat = time.Second
	// pullExpiry is for how long one request for messages stands.
	pullExpiry = 10 * time.Second
	// readIdle is how long a reader believes a replica that nothing is new.
	readIdle = 5 * time.Second
	// readTries is how often a Read that gets no further begins again.
	readTries = 5
	// shorterTries is for how many looks, one a second, a log may seem shorter than
	// what was read of it: longer than elections and leaders that do not know.
	shorterTries = 30
	// idleReader is when the server removes a reader that nobody asks for.
	idleReader = time.Minute
)

// reader is one Read or Follow under way. Messages come from a consumer, which
// any replica may serve. A replica can be behind the leader or damaged, so the
// leader is asked for what the replica does not have.
type reader struct {
	l      *Log
	filter string
	// next is the first sequence not yet handled, and to the last one wanted, 0
	// for no end.
	next, to events.Seq
	handle   func(events.Message) error
	// handled is the error of handle that ended the reading.
	handled error
}

// errEnd ends a reading that is done.
var errEnd = errors.New("the end of the range")

// Read implements events.Log.
func (l *Log) Read(ctx context.Context, r events.Range, handle func(events.Message) error) error {
	info, err := l.Info(ctx)
	if err != nil {
		return err
	}
	to := r.To
	if to == 0 || to > info.Last {
		to = info.Last
	}
	d := &reader{l: l, filter: r.Filter, next: max(r.From, info.First, 1), to: to, handle: handle}
	if to == 0 || d.next > to {
		return nil
	}
	if d.filter != "" {
		if err := d.fill(ctx, to, few); err != nil {
			return d.result(ctx, err)
		}
	}
	for idle := 0; ; idle++ {
		before := d.next
		err := d.consume(ctx)
		if d.final(ctx, err) || idle >= readTries {
			return d.result(ctx, err)
		}
		if d.next > before {
			idle = 0
		}
		// It waits for a leader.
		if _, err := l.Info(ctx); err != nil {
			return err
		}
		pause(ctx, tryPause)
	}
}

// Follow implements events.Log. A cluster without a leader is waited for; a log
// that is another one or shorter when it is back is an error.
func (l *Log) Follow(ctx context.Context, from events.Seq, handle func(events.Message) error) error {
	d := &reader{l: l, next: max(from, 1), handle: handle}
	created, start, shorter := time.Time{}, d.next, 0
	for ctx.Err() == nil {
		info, err := l.Info(ctx)
		switch {
		case err != nil:
		case created.IsZero():
			created = info.Created
		case !info.Created.Equal(created):
			return fmt.Errorf("stream %s was made anew at %s while it was read; what was read of the old one must be forgotten", l.name, info.Created)
		}
		switch {
		case err != nil:
		case d.next > start && info.Last+1 < d.next:
			// A leader that is new has not applied everything yet, and one that was
			// cut off has less for as long as it does not know.
			if shorter++; shorter >= shorterTries {
				return fmt.Errorf("the log has become shorter: sequence %d of stream %s was read and it ends at %d; restore it from a backup", d.next-1, l.name, info.Last)
			}
			pause(ctx, readBeat)
			continue
		default:
			shorter = 0
			err = d.consume(ctx)
		}
		if d.final(ctx, err) {
			return d.result(ctx, err)
		}
		pause(ctx, tryPause)
	}
	return ctx.Err()
}

// final reports that no other consumer would do better.
func (d *reader) final(ctx context.Context, err error) bool {
	if d.handled != nil || ctx.Err() != nil || d.l.conn.IsClosed() || errors.Is(err, errEnd) || errors.As(err, new(*GapError)) {
		return true
	}
	api := asAPI(err)
	return api != nil && !temporary(err) && !scarce(api)
}

// result is what the caller of Read or Follow is told.
func (d *reader) result(ctx context.Context, err error) error {
	switch {
	case d.handled != nil:
		return d.handled
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errEnd):
		return nil
	case errors.As(err, new(*GapError)):
		return err
	}
	return fmt.Errorf("read stream %s: %w", d.l.name, err)
}

// take hands a message on. Its Partition and Seq decide what comes next.
func (d *reader) take(m events.Message) error {
	if d.to != 0 && m.Seq > d.to {
		return errEnd
	}
	if err := d.handle(m); err != nil {
		d.handled = err
		return err
	}
	d.next = m.Seq + 1
	if m.Seq == d.to {
		return errEnd
	}
	return nil
}

// fill takes messages from the leader, one by one, up to a sequence and at most
// limit of them; 0 is no limit. A reader that follows may not miss one.
func (d *reader) fill(ctx context.Context, to events.Seq, limit int) error {
	subject := d.filter
	if subject == "" {
		subject = ">"
	}
	for n := 0; d.next <= to && (limit == 0 || n < limit); n++ {
		m, err := d.l.get(ctx, getRequest{Seq: uint64(d.next), Subject: subject})
		if err != nil {
			return err
		}
		found := to + 1
		if m != nil {
			found = min(found, m.Seq)
		}
		if d.to == 0 && found != d.next {
			return &GapError{Stream: d.l.name, From: d.next, To: found - 1, Missing: uint64(found - d.next)}
		}
		if d.next = found; found <= to {
			if err := d.take(*m); err != nil {
				return err
			}
		}
	}
	if d.to != 0 && d.next > d.to {
		return errEnd
	}
	return nil
}

// consume reads by one consumer for as long as that serves.
func (d *reader) consume(ctx context.Context) error {
	c, err := d.open(ctx)
	if err != nil {
		return err
	}
	info := c.CachedInfo()
	defer d.l.dismiss(ctx, info.Name)
	if d.to != 0 && info.NumPending == 0 {
		// The replica has no more: the leader may.
		return d.fill(ctx, d.to, 0)
	}
	it, err := c.Messages(js.PullMaxMessagesWithBytesLimit(prefetchMessages, prefetchBytes),
		js.PullExpiry(pullExpiry), js.PullHeartbeat(readBeat), js.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return err
	}
	defer it.Stop()
	for delivered := uint64(1); ; delivered++ {
		m, err := d.await(ctx, it)
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		if meta.Sequence.Consumer != delivered {
			return errMissed
		}
		if err := d.accept(ctx, m, meta); err != nil {
			return err
		}
		if d.to != 0 && meta.NumPending == 0 {
			return d.fill(ctx, d.to, 0)
		}
	}
}

// errMissed are messages that were lost on the way, or that this replica does
// not have although the leader does: they are read again, from another one.
var errMissed = errors.New("messages of the stream did not arrive")

// await returns the next message. When none comes for a while the leader is asked
// whether that is so.
func (d *reader) await(ctx context.Context, it js.MessagesContext) (js.Msg, error) {
	for {
		bounded, cancel := context.WithTimeout(ctx, readIdle)
		m, err := it.Next(js.NextContext(bounded))
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return m, err
		}
		info, err := d.l.Info(ctx)
		if err != nil {
			return nil, err
		}
		if info.Last >= d.next && d.filter == "" {
			if err := d.fill(ctx, info.Last, 0); err != nil {
				return nil, err
			}
			return nil, errMissed
		}
	}
}

// accept takes a message of the consumer. What this replica lacks before it is
// taken from the leader.
func (d *reader) accept(ctx context.Context, m js.Msg, meta *js.MsgMetadata) error {
	seq := events.Seq(meta.Sequence.Stream)
	if seq < d.next {
		return errMissed
	}
	if d.filter == "" && seq > d.next && (d.to == 0 || seq <= d.to) {
		if err := d.fill(ctx, seq-1, 0); err != nil {
			return err
		}
	}
	return d.take(events.Message{
		Position: events.Position{Partition: d.l.c.Partition, Seq: seq},
		Subject:  m.Subject(),
		Data:     m.Data(),
		Time:     meta.Timestamp,
		Last:     d.to == 0 && meta.NumPending == 0,
	})
}

// GapError is a part of the log that is missing (L12).
type GapError struct {
	Stream string
	// From and To are 0 when only the number of missing messages is known.
	From, To events.Seq
	Missing  uint64
}

func (e *GapError) Error() string {
	if e.From == 0 {
		return fmt.Sprintf("the log has a gap: %d messages of stream %s are missing on its leader; let another replica lead if there is one, or restore the stream from a backup", e.Missing, e.Stream)
	}
	return fmt.Sprintf("the log has a gap: sequences %d to %d of stream %s are missing on its leader; check the leader's disk, let another replica lead if there is one, or restore the stream from a backup", e.From, e.To, e.Stream)
}

// readerPrefix begins the names of readers' consumers: what bears it may be
// removed at any time, and a reader that lives makes another one.
const readerPrefix = "reader-"

// open makes a consumer from next on.
func (d *reader) open(ctx context.Context) (js.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	return d.l.stream.CreateConsumer(ctx, js.ConsumerConfig{
		Name:              readerPrefix + rand.Text(),
		AckPolicy:         js.AckNonePolicy,
		DeliverPolicy:     js.DeliverByStartSequencePolicy,
		OptStartSeq:       uint64(d.next),
		FilterSubject:     d.filter,
		InactiveThreshold: idleReader,
		MemoryStorage:     true,
		Replicas:          1,
	})
}

// dismissIn bounds how long the end of a reader waits for its consumer's end.
const dismissIn = time.Second

// dismiss removes a consumer: a stream holds a thousand. One that stays ends by
// itself after idleReader.
func (l *Log) dismiss(ctx context.Context, consumer string) {
	if !l.conn.IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dismissIn)
	defer cancel()
	_ = l.stream.DeleteConsumer(ctx, consumer)
}
