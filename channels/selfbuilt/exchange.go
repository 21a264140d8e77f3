package selfbuilt

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
)

// requestTimeout is how long a device waits for an answer: longer than the
// service gives its backend.
const requestTimeout = backendTimeout + 2*time.Second

// errRest says that a cut answer brought nothing new: the ledger has not caught
// up with what was confirmed, so the device waits before it asks again.
var errRest = errors.New("the rest of the state is not ready")

// refusedError is a request that must not be repeated.
type refusedError struct{ field string }

func (e *refusedError) Error() string { return "the ledger refused the report: " + e.field }

// laterError is a request to be repeated after a while.
type laterError struct{ after time.Duration }

func (e *laterError) Error() string { return "the ledger asks to come back later" }

// onShow takes a live notification. Until the server has said which
// instructions stand for this connection nothing is shown.
func (d *Device) onShow(m *nats.Msg) {
	var n Notification
	if err := json.Unmarshal(m.Data, &n); err != nil || n.Check() != nil {
		d.config.Logger.LogAttrs(d.life, slog.LevelWarn, "malformed notification")
		return
	}
	d.mu.Lock()
	switch {
	case d.live():
		d.show(n)
	case len(d.held) < maxHeld:
		d.held = append(d.held, n)
	default:
		d.due = true
	}
	d.mu.Unlock()
	d.changed()
}

// onInstruction takes a live instruction.
func (d *Device) onInstruction(m *nats.Msg) {
	var i Instruction
	if err := json.Unmarshal(m.Data, &i); err != nil {
		d.config.Logger.LogAttrs(d.life, slog.LevelWarn, "malformed instruction")
		return
	}
	d.mu.Lock()
	d.instruct(i)
	d.mu.Unlock()
	d.changed()
}

func (d *Device) changed() {
	d.config.OnChange()
	d.poke()
}

// live reports whether no instruction can have been missed since the last sync
// was asked for. The caller holds mu.
func (d *Device) live() bool { return d.synced == d.epoch() }

// epoch grows whenever instructions may have been missed. The count of
// reconnects is the connection's own: a handler that runs late cannot make it
// stale. The caller holds mu.
func (d *Device) epoch() int64 { return int64(d.conn.Stats().Reconnects) + d.losses }

// show shows a notification; the caller holds mu.
func (d *Device) show(n Notification) bool {
	if d.outbox.full() {
		d.due = true
		return false
	}
	reports, changed := d.screen.show(n, d.config.Clock())
	d.report(reports)
	return changed
}

// instruct carries out an instruction; the caller holds mu.
func (d *Device) instruct(i Instruction) bool {
	if err := i.Check(); err != nil {
		d.config.Logger.LogAttrs(d.life, slog.LevelWarn, "malformed instruction", slog.String("error", err.Error()))
		return false
	}
	reports, changed := d.screen.instruct(i, d.config.Clock())
	d.report(reports)
	return changed
}

// report queues reports; the caller holds mu.
func (d *Device) report(reports []Report) {
	for _, r := range reports {
		if r.Confirmed != "" && d.outbox.full() {
			d.due = true
			continue
		}
		d.outbox.add(r)
	}
}

// run sends what is due, one request at a time, until Close.
func (d *Device) run() {
	defer close(d.stopped)
	for {
		select {
		case <-d.life.Done():
			return
		case <-d.wake:
		}
		for failures := 0; ; {
			d.mu.Lock()
			session, idle := d.session, !d.due && !d.rest && len(d.outbox.letters) == 0
			d.mu.Unlock()
			if idle || session.Err() != nil && d.life.Err() != nil {
				break
			}
			err := d.exchange(session)
			switch {
			case err == nil || session.Err() != nil:
				failures = 0
			default:
				failures++
				wait := spread(backoff(failures, retryMax))
				var later *laterError
				if errors.As(err, &later) {
					wait = max(wait, spread(later.after))
				}
				// A new session or Close ends the wait early; both are looked at next.
				_ = d.config.Wait(session, wait)
			}
			d.config.OnChange()
		}
	}
}

// exchange makes one round: what stands, then what happened. A failure of one
// does not keep the other back.
func (d *Device) exchange(session context.Context) error {
	d.mu.Lock()
	ask := d.due || d.rest && len(d.outbox.letters) == 0
	d.mu.Unlock()
	var failed error
	if ask {
		failed = d.sync(session)
	}
	return errors.Join(failed, d.send(session))
}

// sync asks what stands, and carries out instructions before it shows anything.
func (d *Device) sync(session context.Context) error {
	d.mu.Lock()
	epoch, due, rest := d.epoch(), d.due, d.rest
	d.due, d.rest = false, false
	d.mu.Unlock()
	a, err := d.request(session, LaneSync, nil)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil && a.State == nil {
		err = errors.New("the answer to a sync has no state")
	}
	if err != nil {
		d.due, d.rest = d.due || due, d.rest || rest
		return err
	}
	fresh := false
	for _, i := range a.State.Instructions {
		fresh = d.instruct(i) || fresh
	}
	// Notifications come only with the last of the instructions.
	if !a.State.More || len(a.State.Notifications) > 0 {
		d.synced = epoch
	}
	for _, n := range a.State.Notifications {
		if n.Check() == nil {
			fresh = d.show(n) || fresh
		}
	}
	if d.live() {
		held := d.held
		d.held = nil
		for _, n := range held {
			d.show(n)
		}
	}
	if a.State.More {
		d.rest = true
		if !fresh {
			return errRest
		}
	}
	return nil
}

// send sends the oldest reports. A request that is refused is sent again one
// report at a time, so that only the bad one is given up.
func (d *Device) send(session context.Context) error {
	d.mu.Lock()
	letters := d.outbox.batch()
	d.mu.Unlock()
	if len(letters) == 0 {
		return nil
	}
	err := d.deliver(session, letters)
	var refused *refusedError
	if !errors.As(err, &refused) {
		return err
	}
	for _, l := range letters {
		err := d.deliver(session, []*letter{l})
		if errors.As(err, &refused) {
			d.config.Logger.LogAttrs(d.life, slog.LevelWarn, "the ledger refused a report; it is given up",
				slog.String("field", refused.field))
			d.settle(1, err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// deliver sends letters, the oldest of the outbox, and settles them when they
// are acknowledged.
func (d *Device) deliver(session context.Context, letters []*letter) error {
	q := reportRequest{Reports: make([]Report, len(letters))}
	for i, l := range letters {
		q.Reports[i] = l.report
	}
	data, err := encode(q)
	if err != nil {
		return err
	}
	if _, err := d.request(session, LaneReport, data); err != nil {
		return err
	}
	d.settle(len(letters), nil)
	return nil
}

func (d *Device) settle(n int, err error) {
	d.mu.Lock()
	d.outbox.settle(n, err)
	d.mu.Unlock()
}

// request sends a request and reads its answer.
func (d *Device) request(session context.Context, lane Lane, data []byte) (Answer, error) {
	ctx, cancel := context.WithTimeout(session, requestTimeout)
	defer cancel()
	m, err := d.conn.RequestWithContext(ctx, Subject(d.config.App, d.config.Device, lane), data)
	if err != nil {
		return Answer{}, err
	}
	var a Answer
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return Answer{}, errors.New("the answer is not JSON")
	}
	switch {
	case a.Field != "":
		return Answer{}, &refusedError{a.Field}
	case !a.OK:
		return Answer{}, &laterError{min(time.Duration(a.RetryAfterSeconds)*time.Second, retryMax)}
	}
	return a, nil
}

// backoff doubles from pauseMin up to a limit.
func backoff(attempts int, limit time.Duration) time.Duration {
	if attempts > 16 {
		return limit
	}
	return min(pauseMin<<max(attempts-1, 0), limit)
}

// spread takes a random part off, so that devices that failed together do not
// come back together.
func spread(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
