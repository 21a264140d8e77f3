package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/projections"
)

// rebuiltOf waits until the rebuild of partition 0 has ended.
func rebuiltOf(t *testing.T, c *api.Client) api.ProjectionGenerations {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		list, err := c.Projections(ctx)
		if err != nil || len(list) != 1 || list[0].Rebuild == nil {
			t.Fatalf("Projections = %+v, %v", list, err)
		}
		if !list[0].Rebuild.Running {
			return list[0]
		}
		<-tick.C
	}
}

// A projection is rebuilt while events come in, and what was kept is dropped; the
// next start has the new one.
func TestRebuildRunningNode(t *testing.T) {
	conf := testConfig(t)
	_, client, stop := start(t, conf)
	for i := range 20 {
		publish(t, client, fmt.Sprintf(`{"kind":"push.sent","push":"p%d","data":{"channel":"fcm","devices":["d1","d2"]}}`, i))
	}
	done := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			line := fmt.Sprintf(`{"kind":"push.sent","push":"q%d","data":{"channel":"fcm","devices":["d%d"]}}`, i, i)
			if a, err := client.Publish(context.Background(), api.TypeNDJSON, strings.NewReader(line)); err != nil || len(a.Refused) > 0 {
				t.Errorf("Publish = %+v, %v", a, err)
				return
			}
		}
	})
	if s, err := client.RebuildProjection(t.Context(), 0, false); err != nil || !s.Running {
		t.Fatalf("RebuildProjection = %+v, %v", s, err)
	}
	g := rebuiltOf(t, client)
	close(done)
	writer.Wait()
	r := g.Rebuild.Result
	if g.Rebuild.Failed != "" || r == nil || !r.Swapped || !r.Comparison.Same || r.Generation != 2 || r.Facts < 40 {
		t.Fatalf("the rebuild: %+v, result %+v", g.Rebuild, r)
	}
	if len(g.Generations) != 2 || g.Generations[0].Generation != 2 || g.Generations[1].State != projections.GenerationOld {
		t.Errorf("generations %+v", g.Generations)
	}
	var p *api.Problem
	if _, err := client.RebuildProjection(t.Context(), 0, true); !errors.As(err, &p) || p.Code != "not-now" || !strings.Contains(p.Detail, "drop it first") {
		t.Errorf("a rebuild while an old generation is kept: %v", err)
	}
	if _, err := client.RebuildProjection(t.Context(), 7, false); !errors.As(err, &p) || p.Field != "partition" {
		t.Errorf("a rebuild of partition 7: %v", err)
	}
	for _, want := range []bool{true, false} {
		if dropped, err := client.DropOldProjection(t.Context(), 0); err != nil || dropped != want {
			t.Errorf("DropOldProjection = %v, %v", dropped, err)
		}
	}
	after := publish(t, client, `{"kind":"click.clicked","push":"p0","data":{"channel":"fcm","devices":["d1"]}}`)
	push, err := client.Push(t.Context(), "p0", api.ReadOptions{AtLeast: after})
	if err != nil || push.Channels[0].Holders() != 1 {
		t.Errorf("Push = %+v, %v; want one holder", push, err)
	}
	stop()
	data, err := OpenOffline(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := data.Close(); err != nil {
			t.Error(err)
		}
	}()
	again, err := data.Rebuild(t.Context(), 0, projections.RebuildOptions{})
	if err != nil || !again.Swapped || !again.Comparison.Same || again.Previous != 2 {
		t.Errorf("offline Rebuild = %+v, %v", again, err)
	}
	list, dropped, err := data.Generations(t.Context(), 0, true)
	if err != nil || !dropped || len(list) != 1 || list[0].Generation != 3 || list[0].Applied != (events.Position{Seq: again.Applied.Seq}) {
		t.Errorf("offline Generations = %+v, %v, %v", list, dropped, err)
	}
}
