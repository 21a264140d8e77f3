package audit

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/projections"
)

// Rebuild folds the log once more beside a projection and compares the two. The
// projection there is copied first: it is not touched.
type Rebuild struct {
	live, fresh *projections.Projection
	applied     events.Position
	// failed is why the fresh one cannot go on.
	failed error
	since  int
}

// Comparison says what came of a rebuild.
type Comparison = projections.Comparison

// ErrAged is a log whose begin is past its age: what a projection holds of it
// cannot be had again.
var ErrAged = projections.ErrAged

// checkpointEvery is after how many events the fresh projection is written, so
// that memory holds the changes of some.
const checkpointEvery = 5_000

// NewRebuild copies the projection in dir into temp and begins a fresh one
// beside it. The caller has locked dir, and removes temp after Close.
func NewRebuild(ctx context.Context, log events.Log, dir, temp string) (*Rebuild, error) {
	info, err := log.Info(ctx)
	if err != nil {
		return nil, err
	}
	if info.First > 1 {
		return nil, ErrAged
	}
	copied := filepath.Join(temp, "live")
	if err := projections.CopyLive(dir, copied); err != nil {
		return nil, err
	}
	r := &Rebuild{}
	if r.live, err = projections.Open(ctx, projections.Config{Dir: copied, Log: log}); err != nil {
		return nil, fmt.Errorf("the projection: %w", err)
	}
	r.applied = r.live.Applied()
	if r.fresh, err = projections.Open(ctx, projections.Config{Dir: filepath.Join(temp, "fresh"), Log: log}); err != nil {
		return nil, errors.Join(err, r.live.Close())
	}
	return r, nil
}

// take folds one event, up to where the projection there is.
func (r *Rebuild) take(m events.Message) {
	if r.failed != nil || m.Seq > r.applied.Seq {
		return
	}
	r.failed = r.fresh.Apply(m)
	if r.since++; r.since == checkpointEvery && r.failed == nil {
		r.since, r.failed = 0, r.fresh.Checkpoint()
	}
}

// compare compares the two, and says so in the report.
func (r *Rebuild) compare(report *Report) error {
	if r.failed != nil {
		report.violate(Projection, r.fresh.Applied(), "the log cannot be folded beyond it: %s", r.failed)
		return nil //nolint:nilerr // it stands in the report
	}
	c, err := projections.Compare(r.live, r.fresh)
	if err != nil {
		return err
	}
	report.Rebuilt = c
	if !c.Same {
		report.violate(Projection, r.applied, "the projection there has the digest %s, the log folded up to there gives %s", c.Live, c.Fresh)
	}
	return nil
}

// Close closes both copies.
func (r *Rebuild) Close() error { return errors.Join(r.live.Close(), r.fresh.Close()) }
