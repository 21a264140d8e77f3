package decision

import (
	"context"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/projections"
)

// Others is what a decision in one partition needs of the ledger's other
// partitions and of the other nodes that decide. A claim of it stands on the log
// in one place for the whole ledger, so of two that race one loses.
type Others interface {
	// Owns reports whether a push belongs to the decider's own partition.
	Owns(ctx context.Context, app, push string) (bool, error)
	// State returns the decision state of a push of any partition, as of the end
	// of its log.
	State(ctx context.Context, app, push string) (projections.State, error)
	// LastRecall returns when the app's newest recall in any other partition was
	// accepted, as of the end of its log; zero if never.
	LastRecall(ctx context.Context, app string) (time.Time, error)
	// Reserve gives an idempotency key to a request, named by its fingerprint, or
	// returns ErrKeyReused when another one has it (L6). It is repeatable. A key
	// that is kept in the decider's own partition is left to the decision's batch.
	Reserve(ctx context.Context, app, push, key, fingerprint string) error
	// Turn gives one recall the app's turn under the rate of a profile and reports
	// whether it got it.
	Turn(ctx context.Context, app, push, recall string, rules ledger.Rules, now time.Time) (bool, error)
}
