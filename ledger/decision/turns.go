package decision

import (
	"context"
	"sync"
)

// turns lets the requests for one push pass one after the other. It decides
// nothing: the fence does that, also against other nodes. But of many requests
// at once all but one would lose every race and be judged again.
type turns struct {
	mu    sync.Mutex
	turns map[string]*turn
}

type turn struct {
	// taken holds a value while somebody has the turn.
	taken chan struct{}
	// users counts who has the turn or waits for it.
	users int
}

// enter waits for the turn of a name. The caller ends it with leave.
func (t *turns) enter(ctx context.Context, name string) (leave func(), err error) {
	t.mu.Lock()
	u := t.turns[name]
	if u == nil {
		if t.turns == nil {
			t.turns = map[string]*turn{}
		}
		u = &turn{taken: make(chan struct{}, 1)}
		t.turns[name] = u
	}
	u.users++
	t.mu.Unlock()
	select {
	case u.taken <- struct{}{}:
		return func() {
			<-u.taken
			t.drop(name, u)
		}, nil
	case <-ctx.Done():
		t.drop(name, u)
		return nil, ctx.Err()
	}
}

func (t *turns) drop(name string, u *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u.users--; u.users == 0 {
		delete(t.turns, name)
	}
}
