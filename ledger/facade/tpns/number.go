package tpns

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/recall-ledger/recall-ledger/projections"
)

// A push that can be overridden has a push_id of two halves: the number of the
// period in which it was made, and 32 random bits. The random half is its
// collapse_id, which the vendor has as a uint32 that it alone gives out. So a
// collapse_id leads back to its push by asking for the ids it had in this period
// and in the one before, without a memory and without a search.
//
// The others have the ledger's own numbers, which lie far above.

// period is how long a collapse_id can matter: a push starts at most maxAhead
// after it was made and can be overridden for the longest storage period after
// that.
const period = maxAhead + maxExpire

// maxTries bounds how often another number is drawn because one was taken.
const maxTries = 8

// periods are the numbers of the period of a time and of the one before.
func periods(now time.Time) [2]int64 {
	n := now.Unix() / int64(period/time.Second)
	return [2]int64{n, n - 1}
}

func pushNumber(no int64, collapse uint32) string {
	return strconv.FormatInt(no<<32|int64(collapse), 10)
}

// collapseOf returns the collapse_id of a push, 0 for one that has none.
func collapseOf(push string, now time.Time) uint32 {
	n, err := strconv.ParseInt(push, 10, 64)
	if err != nil || n < 0 || n>>32 == 0 || n>>32 > periods(now)[0] || strconv.FormatInt(n, 10) != push {
		return 0
	}
	return uint32(n)
}

// find returns the push of the app that has a collapse_id, nil when there is
// none.
func (h *Handler) find(ctx context.Context, c *call, collapse uint32) (*projections.Push, error) {
	for _, no := range periods(c.now) {
		p, err := h.c.Desk.Push(ctx, c.app, pushNumber(no, collapse))
		if err != nil || p != nil {
			return p, err
		}
	}
	return nil, nil
}

// newCollapsible draws a push_id whose collapse_id no push of the app has.
func (h *Handler) newCollapsible(ctx context.Context, c *call) (string, error) {
	for range maxTries {
		collapse := h.c.Desk.Random()
		if collapse == 0 { // clients send 0 for none
			continue
		}
		p, err := h.find(ctx, c, collapse)
		if err != nil {
			return "", err
		}
		if p == nil {
			return pushNumber(periods(c.now)[0], collapse), nil
		}
	}
	return "", fmt.Errorf("no free push number in %d tries", maxTries)
}
