package facadetest

import (
	"sync/atomic"
	"time"
)

// Clock shows the time until it is moved. The log has a clock of its own, which
// cannot be moved.
type Clock struct {
	// frozen is where it stands still, nil while it runs.
	frozen atomic.Pointer[time.Time]
	// ahead is how far it was moved, in nanoseconds.
	ahead atomic.Int64
}

// Now returns what the clock shows.
func (c *Clock) Now() time.Time {
	at := time.Now()
	if frozen := c.frozen.Load(); frozen != nil {
		at = *frozen
	}
	return at.Add(time.Duration(c.ahead.Load()))
}

// Advance moves the clock on, whether it runs or not.
func (c *Clock) Advance(d time.Duration) { c.ahead.Add(int64(d)) }

// Set moves the clock to a time, from which it runs.
func (c *Clock) Set(at time.Time) {
	c.frozen.Store(nil)
	c.ahead.Store(int64(time.Until(at)))
}

// Freeze makes the clock stand still at a time.
func (c *Clock) Freeze(at time.Time) {
	c.ahead.Store(0)
	c.frozen.Store(&at)
}
