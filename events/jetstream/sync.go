package jetstream

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// UnsyncedError is a cluster that may acknowledge what is not on disk yet, or of
// which that is not known (L1).
type UnsyncedError struct {
	// Servers are those that do not sync always; empty when it is not known.
	Servers []ServerState
	// Cause is why it is not known.
	Cause error
}

// unsyncedRisk is what is risked (nats-server's default is two minutes; measured in
// 2.15.2: after a loss of power of all servers at once whole streams were gone).
const unsyncedRisk = "a loss of power can take acknowledged events of the last minutes with it, on all servers at once the whole log"

func (e *UnsyncedError) Error() string {
	if len(e.Servers) == 0 {
		return fmt.Sprintf("it cannot be known whether the NATS servers sync every write before they acknowledge it (%v); without, %s. "+
			"Name a user of the system account or the servers' monitoring endpoints, so that it can be checked, or accept the risk", e.Cause, unsyncedRisk)
	}
	return fmt.Sprintf("these NATS servers acknowledge writes that are not on disk yet: %s; %s. "+
		"Set sync_interval: always in the jetstream block of their configuration and restart them one by one, or accept the risk", e.list(), unsyncedRisk)
}

func (e *UnsyncedError) Unwrap() error { return e.Cause }

func (e *UnsyncedError) list() string {
	var all []string
	for _, s := range e.Servers {
		all = append(all, fmt.Sprintf("%s (sync_interval %s)", s.Name, s.SyncInterval))
	}
	return strings.Join(all, ", ")
}

// syncTries is how often the servers are asked before it is taken that they do not
// answer.
const syncTries = 3

// CheckSync returns an *UnsyncedError unless every server that answers syncs
// always. A server that is down is checked by Watch when it is back. With accept
// the error is logged instead, with what is risked.
//
// The server in the process (embedded) need not be asked: it always syncs.
func CheckSync(ctx context.Context, servers *Servers, accept bool, logger *slog.Logger) error {
	states, err := servers.Ask(ctx)
	for try := 1; err != nil && servers != nil && try < syncTries && ctx.Err() == nil; try++ {
		// Servers that have just met, or lost one of theirs, may say nothing at first.
		states, err = servers.Ask(ctx)
	}
	unsynced := &UnsyncedError{Cause: err}
	for _, s := range states {
		if !s.SyncAlways {
			unsynced.Servers = append(unsynced.Servers, s)
		}
	}
	if err == nil && len(unsynced.Servers) == 0 {
		return nil
	}
	if accept {
		logger.WarnContext(ctx, "the risk of NATS servers that do not sync always is accepted", "risk", unsyncedRisk, "found", unsynced.Error())
		return nil
	}
	return unsynced
}
