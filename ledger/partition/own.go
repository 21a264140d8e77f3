package partition

import (
	"context"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
	"github.com/recall-ledger/recall-ledger/projections"
)

// own are the views of a projection of this node, which always answers.
type own struct{ *projections.Projection }

// Apps implements Views.
func (o own) Apps() ([]string, error) { return o.Projection.Apps(), nil }

// Stats implements Views.
func (o own) Stats() (projections.Stats, error) { return o.Projection.Stats(), nil }

// LastRecall implements Views.
func (o own) LastRecall(app string) (time.Time, error) { return o.Projection.LastRecall(app), nil }

// complete gives a part whose projection is here what follows from it.
func (p *Part) complete() {
	if p.Local == nil {
		return
	}
	if p.Views == nil {
		p.Views = own{p.Local}
	}
	if p.Redrive == nil {
		p.Redrive = func(ctx context.Context, app, recall string, now time.Time) (int, error) {
			return dispatch.Redrive(ctx, p.Log, p.Local, app, recall, now)
		}
	}
}
