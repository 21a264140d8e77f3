package call

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
)

// Each calls the vendor once for each device of a command, so many at a time,
// and gathers the results in the command's order. A device whose turn did not
// come before ctx ended was not called, so it may be tried again.
func Each(ctx context.Context, c channels.Command, parallel int, one func(ctx context.Context, device string) Result) channels.Reply {
	reply := channels.Reply{Results: make([]channels.Result, len(c.Devices))}
	waits := make([]time.Duration, len(c.Devices))
	slots := make(chan struct{}, max(1, parallel))
	var wg sync.WaitGroup
	for i, d := range c.Devices {
		reply.Results[i] = channels.Result{Device: d, Verdict: channels.Throttled, Reason: channels.ReasonUnreachable}
		if ctx.Err() != nil {
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			continue
		}
		wg.Go(func() {
			defer func() { <-slots }()
			r := one(ctx, d)
			reply.Results[i].Verdict, reply.Results[i].Reason, reply.Results[i].Send = r.Verdict, r.Reason, r.Send
			waits[i] = r.RetryAfter
		})
	}
	wg.Wait()
	for _, w := range waits {
		reply.RetryAfter = max(reply.RetryAfter, w)
	}
	return reply
}

// Sends calls the vendor once for each send of a command, for vendors that know
// only whole sends. A device is done when all its sends are, so every device gets
// the worst of their results; of several as bad it is the one whose reason comes
// first in the alphabet, none before any, so that the order of sends is of no account.
func Sends(ctx context.Context, c channels.Command, parallel int, one func(ctx context.Context, send string) Result) channels.Reply {
	if len(c.Sends) == 0 {
		return channels.All(c, channels.Refused, channels.ReasonNoSend)
	}
	r := Each(ctx, channels.Command{Devices: c.Sends}, parallel, one)
	worst := slices.MaxFunc(r.Results, func(a, b channels.Result) int {
		return cmp.Or(cmp.Compare(weight(a.Verdict), weight(b.Verdict)), cmp.Compare(b.Reason, a.Reason))
	})
	all := Result{Verdict: worst.Verdict, Reason: worst.Reason, RetryAfter: r.RetryAfter}
	for _, x := range r.Results {
		all.Send = cmp.Or(all.Send, x.Send)
	}
	return all.All(c)
}

// weight orders verdicts by what is left to do. An unknown result goes before all
// others, since what was done must not be called undone; one that may be tried
// again goes before a refusal, which must not keep another send from being done.
func weight(v channels.Verdict) int {
	return slices.Index([]channels.Verdict{
		channels.Accepted, channels.Unsupported, channels.Refused, channels.Throttled, channels.Unknown,
	}, v)
}
