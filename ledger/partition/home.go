package partition

import (
	"context"
	"fmt"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// Of returns the partition of a push: where it began before the log grew, or else
// where it belongs. In a log that has grown it asks the projections of the places
// where it may have begun, and waits until they know.
//
// All nodes find the same: which pushes began there up to the end of that time does
// not change any more, and what is not among them is written elsewhere.
func (s *Set) Of(ctx context.Context, app, push string) (*Part, error) {
	if s.home != nil {
		n, err := s.home(ctx, app, push)
		if err != nil {
			return nil, err
		}
		return s.parts[n], nil
	}
	home, before := events.Homes(app, push, len(s.parts), s.grown)
	for _, h := range before {
		p := s.parts[h.Partition]
		if err := p.Views.Wait(ctx, h.Until); err != nil {
			return nil, fmt.Errorf("find the partition of a push: %w", err)
		}
		first, _, err := p.Views.PushBounds(app, push)
		if err != nil {
			return nil, fmt.Errorf("find the partition of a push: %w", err)
		}
		if first > 0 && first <= h.Until {
			return p, nil
		}
	}
	return s.parts[home], nil
}

// queryWait bounds how long a query without a context waits for its partition.
const queryWait = 10 * time.Second

// view returns what is known of a push's partition.
func (s *Set) view(app, push string) (Views, error) {
	if len(s.grown) == 0 && s.home == nil {
		return s.parts[events.PartitionOf(app, push, len(s.parts))].Views, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), queryWait)
	defer cancel()
	p, err := s.Of(ctx, app, push)
	if err != nil {
		return nil, err
	}
	return p.Views, nil
}
