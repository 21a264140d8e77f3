package projections

import (
	"context"
	"errors"

	"github.com/recall-ledger/recall-ledger/events"
)

// RebuildStopped is Rebuild for a projection that nobody has open, and folds the
// log to its end. A projection that cannot be opened because it is damaged, or of
// another version of this program, is replaced without a comparison; one that
// belongs to another log only if forced.
func RebuildStopped(ctx context.Context, c Config, o RebuildOptions) (*Rebuilt, error) {
	p, err := Open(ctx, c)
	if err != nil {
		healed := errors.Is(err, ErrStore) || errors.Is(err, errDamaged) || errors.Is(err, errSchema)
		if !healed && !o.Force || ctx.Err() != nil {
			return nil, err
		}
		return replace(ctx, c, o, err)
	}
	r, err := p.Rebuild(ctx, o)
	if err == nil && r.Swapped {
		err = p.finish(ctx, r, o)
	}
	return r, errors.Join(err, p.Close())
}

// finish folds what the log has more.
func (p *Projection) finish(ctx context.Context, r *Rebuilt, o RebuildOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	end, err := p.c.Log.End(ctx)
	if err != nil {
		return err
	}
	b := &rebuild{live: p, fresh: p, o: o, r: r, phase: PhaseFolding, stop: p.writeBeside(cancel)}
	b.begin = p.Applied().Seq - events.Seq(r.Events)
	err = b.fold(ctx, end.Seq)
	if failed := b.stop(); failed != nil {
		return failed
	}
	b.count(p)
	r.Applied = p.Applied()
	return err
}

// replace builds a new generation in the place of one that cannot be opened.
func replace(ctx context.Context, c Config, o RebuildOptions, why error) (*Rebuilt, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.setDefaults()
	p := &Projection{c: c, generations: generations{c.FS, c.Dir}}
	b, err := p.begin(ctx, o, cancel)
	if err != nil {
		return nil, errors.Join(why, err)
	}
	b.r.Unreadable = why.Error()
	end, err := c.Log.End(ctx)
	if err == nil {
		err = b.fold(ctx, end.Seq)
	}
	if failed := b.stop(); failed != nil {
		err = failed
	}
	b.count(b.fresh)
	b.r.Applied = b.fresh.Applied()
	if closing := b.fresh.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = b.write(state{Live: b.r.Generation, Kept: &Kept{Generation: b.r.Previous}})
	}
	if err != nil {
		if p.stuck == nil {
			err = errors.Join(err, p.generations.fs.RemoveAll(p.generations.path(b.r.Generation)))
		}
		return nil, err
	}
	b.r.Swapped = true
	return b.r, b.measure()
}
