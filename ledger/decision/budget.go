package decision

import (
	"sync"
	"time"
)

// budget is a token bucket that never waits.
type budget struct {
	perSecond int

	mu     sync.Mutex
	tokens float64
	last   time.Time
}

func (b *budget) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last.IsZero() {
		b.tokens = float64(b.perSecond)
	} else if d := now.Sub(b.last); d > 0 {
		b.tokens = min(b.tokens+d.Seconds()*float64(b.perSecond), float64(b.perSecond))
	}
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
