package node

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// restartRounds is how often each node is restarted.
const restartRounds = 2

// TestRollingRestart restarts the nodes one after the other while recalls are
// asked for all the time. None may fail: a client whose connection is refused asks
// another node, and that is all it does. Every other answer than 202, and every
// connection that breaks off, is a failure.
func TestRollingRestart(t *testing.T) {
	s := newStage(t)
	c := newCampaign(t, s.members, s.vendors)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var load sync.WaitGroup
	for w := range 4 {
		load.Go(func() {
			rng := rand.New(rand.NewPCG(*clusterSeed, uint64(w)))
			next := time.NewTicker(50 * time.Millisecond)
			defer next.Stop()
			for n := 0; ctx.Err() == nil; n++ {
				c.plain(rng, fmt.Sprintf("r%d-%d", w, n))
				select {
				case <-next.C:
				case <-ctx.Done():
				}
			}
		})
	}
	for range restartRounds {
		for _, m := range s.members {
			// Where others stand beside it, each node has recalls under way.
			before := c.recalled()
			waitFor(t, "recalls go on", func() string {
				if c.recalled() < before+10 {
					return fmt.Sprintf("%d recalls", c.recalled()-before)
				}
				return ""
			})
			began := time.Now()
			if err := m.end(syscall.SIGTERM); err != nil {
				t.Errorf("%s did not stop gracefully: %v: %s", m.config.ID, err, lastLine(m.log()))
			}
			stopped := time.Since(began)
			if err := m.start(); err != nil {
				t.Fatal(err)
			}
			serves(t, m)
			t.Logf("%s stopped within %s and served again after %s", m.config.ID, stopped.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		}
	}
	cancel()
	load.Wait()
	s.check(t, c)
	t.Logf("%d recalls over %d restarts, the slowest took %s", len(c.books.recalls), restartRounds*len(s.members), c.books.slowest.Round(time.Millisecond))
}

func (c *campaign) recalled() int {
	c.books.mu.Lock()
	defer c.books.mu.Unlock()
	return len(c.books.recalls)
}

// plain is a push with a few devices and its recall, asked for once.
func (c *campaign) plain(rng *rand.Rand, push string) {
	if !c.create(rng, push) {
		return
	}
	device := c.device(push, chanNtfy, 0)
	c.vendors.ntfy.Tray.Show(device, push, "Sale")
	c.publish(rng, push, "display.shown", chanNtfy, []string{device})
	key, began := "key-"+push, time.Now()
	body := fmt.Sprintf(`{"push":%q,"action":"recall"}`, push)
	r := request{http.MethodPost, "/v1/recalls", api.TypeJSON, key, []byte(body)}
	first := c.any(rng)
	for i := range c.members {
		a, err := c.ask(context.Background(), (first+i)%len(c.members), r)
		if errors.Is(err, errAway) || errors.Is(err, syscall.ECONNREFUSED) {
			c.books.count("recalls asked of another node: connection refused")
			continue
		}
		if err != nil || a.status != http.StatusAccepted {
			c.t.Errorf("the recall of %s failed: %d %s, %v", push, a.status, a.body, err)
			return
		}
		got := answerOf(c.t, a.body)
		c.books.mu.Lock()
		defer c.books.mu.Unlock()
		c.books.recalls[push] = accepted{got.Recall, key, string(a.body)}
		c.books.slowest = max(c.books.slowest, time.Since(began))
		return
	}
	c.t.Errorf("the recall of %s failed: every node refused the connection", push)
}
