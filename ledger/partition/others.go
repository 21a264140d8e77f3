package partition

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/projections"
)

// others is the ledger beside one partition. It implements decision.Others.
type others struct {
	set *Set
	own *Part
}

// Owns implements decision.Others.
func (o *others) Owns(ctx context.Context, app, push string) (bool, error) {
	p, err := o.set.Of(ctx, app, push)
	return p == o.own, err
}

// State implements decision.Others.
func (o *others) State(ctx context.Context, app, push string) (projections.State, error) {
	p, err := o.set.Of(ctx, app, push)
	if err != nil {
		return projections.State{}, err
	}
	if err := p.CatchUp(ctx); err != nil {
		return projections.State{}, err
	}
	return p.Views.State(app, push, events.Scope{})
}

// LastRecall implements decision.Others.
func (o *others) LastRecall(ctx context.Context, app string) (time.Time, error) {
	times := make([]time.Time, len(o.set.parts))
	err := o.set.each(func(p *Part) error {
		if p == o.own {
			return nil
		}
		if err := p.CatchUp(ctx); err != nil {
			return err
		}
		var err error
		times[p.Number()], err = p.Views.LastRecall(app)
		return err
	})
	var last time.Time
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last, err
}

// Reserve implements decision.Others. The key's home is one partition, whatever
// the push, so two requests for pushes of different partitions cannot both have it.
func (o *others) Reserve(ctx context.Context, app, push, key, fingerprint string) error {
	for _, h := range before(o.set, app, key) {
		p := o.set.parts[h.Partition]
		owner, _, err := claimant(ctx, p, app, key, events.KeySubject(h.Partition, app, key))
		if err == nil && owner != "" && owner != fingerprint {
			err = decision.ErrKeyReused
		}
		if err != nil {
			return err
		}
	}
	home := o.home(app, key)
	if home == o.own {
		return nil
	}
	got, err := claim(ctx, home, app, push, key, fingerprint, o.set.clock())
	if err == nil && got != fingerprint {
		err = decision.ErrKeyReused
	}
	return err
}

// Turn implements decision.Others: a turn is a claim of the present second, or
// part of it. The rate over more than that is judged by when the last recall was.
func (o *others) Turn(ctx context.Context, app, push, recall string, rules ledger.Rules, now time.Time) (bool, error) {
	// A caller whose own key looks so is refused as one that used it before, which
	// harms nobody else: keys are each app's own.
	n := now.UnixNano() / int64(time.Second/time.Duration(rules.PerSecond))
	key := "turn/" + rules.Profile + "/" + strconv.FormatInt(n, 10)
	got, err := claim(ctx, o.home(app, key), app, push, key, recall, now)
	return got == recall, err
}

func (o *others) home(app, key string) *Part {
	return o.set.parts[events.KeyPartition(app, key, len(o.set.parts))]
}

// before are the homes that a key had before the log grew. Nobody claims it there
// any more for the whole ledger, so looking is enough.
func before(s *Set, app, key string) []events.Home {
	_, list := events.KeyHomes(app, key, len(s.parts), s.grown)
	return list
}

// maxClaims bounds how often a claim is tried again because its result was
// unknown or something unreadable stands on the subject.
const maxClaims = 5

// claim puts a key on the log for whoever comes first and returns who that is.
func claim(ctx context.Context, home *Part, app, push, key, fingerprint string, now time.Time) (string, error) {
	r, err := events.Claim(home.Number(), app, push, key, fingerprint, now, 0)
	if err != nil {
		return "", err
	}
	for range maxClaims {
		// Most keys are free, so it is tried before it is looked.
		_, err := home.Log.Append(ctx, []events.Record{r})
		if err == nil {
			return fingerprint, nil
		}
		if !errors.Is(err, events.ErrConflict) && !errors.Is(err, events.ErrUnknown) {
			return "", fmt.Errorf("claim a key: %w", err)
		}
		owner, last, err := claimant(ctx, home, app, key, r.Subject)
		if err != nil || owner != "" {
			return owner, err
		}
		r.Expect = last
	}
	return "", fmt.Errorf("%w: the subject of a key moved on %d times", events.ErrOverloaded, maxClaims)
}

// claimant reads from the log whose a key is, "" when it is nobody's, and the
// newest sequence on its subject.
func claimant(ctx context.Context, home *Part, app, key, subject string) (owner string, last events.Seq, err error) {
	err = home.Log.ReadSubject(ctx, subject, func(m events.Message) error {
		last = m.Seq
		e, err := events.Decode(m.Data)
		if err != nil || events.CheckSubject(m.Subject, m.Partition, &e.Header) != nil {
			return nil //nolint:nilerr // the fold quarantines it: it claims nothing
		}
		if k, ok := e.Data.(*events.Key); ok && owner == "" && e.App == app && k.Key == key {
			owner = k.Fingerprint
		}
		return nil
	})
	return owner, last, err
}
