package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/scripted"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/ledger/node"
)

const app = "shop"

// stage is a whole node with pushes on it, and vendors that take their time.
type stage struct {
	t    *testing.T
	node *node.Node
	url  string
	http *http.Client
	// token is the operator's key on a node with credentials.
	token string
}

// wait passes time for the vendors.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// vendors answer after a while, so that a recall can be watched; one in two
// hundred devices is refused.
func vendors() map[string]channels.Emitter {
	list := map[string]channels.Emitter{}
	for _, name := range []string{"apns", "fcm", "huawei", "xiaomi", "vivo"} {
		row, _ := channels.Lookup(channels.Native, name)
		list[name] = scripted.New(scripted.Config{Row: row, Clock: time.Now, Wait: wait, Behave: func(device string) scripted.Behaviour {
			b := scripted.Behaviour{Delay: 300 * time.Millisecond}
			if strings.HasSuffix(device, "77") && name == "xiaomi" {
				b.Refuse = channels.ReasonDeadToken
			}
			return b
		}})
	}
	return list
}

// newStage starts a node; change may change its configuration.
func newStage(t *testing.T, change func(*node.Config)) *stage {
	t.Helper()
	c := node.Default()
	c.Data, c.HTTP.Listen, c.Emitters = t.TempDir(), "127.0.0.1:0", vendors()
	if change != nil {
		change(&c)
	}
	n, err := node.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() {
		if err := n.Run(ctx); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		run.Wait()
	})
	return &stage{t: t, node: n, url: "http://" + n.Address(), http: &http.Client{}}
}

// keyed is a node with credentials: the operator's key, and keys of other roles
// and apps by name.
func keyed(t *testing.T) (s *stage, tokens map[string]string) {
	t.Helper()
	tokens = map[string]string{}
	s = newStage(t, func(c *node.Config) {
		for name, roles := range map[string][]string{
			app + " operator": {"read", "recall"}, app + " reader": {"read"}, app + " publisher": {"publish"},
			app + " admin": {"admin"}, "other operator": {"read", "recall"},
		} {
			of, _, _ := strings.Cut(name, " ")
			k, token := api.NewKey(of, roles)
			c.Keys = append(c.Keys, node.KeyConfig{ID: k.ID, Hash: k.Hash, App: k.App, Roles: k.Roles})
			tokens[name] = token
		}
	})
	s.token = tokens[app+" admin"]
	return s, tokens
}

func (s *stage) client() *api.Client {
	s.t.Helper()
	c, err := api.NewClient(api.ClientConfig{URL: s.url, App: app, Token: s.token})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// lines gathers events.
type lines struct{ bytes.Buffer }

func (l *lines) event(kind, push string, at time.Time, data any) {
	b, err := json.Marshal(map[string]any{"kind": kind, "push": push, "time": at.UTC().Format(time.RFC3339Nano), "data": data})
	if err != nil {
		panic(err)
	}
	l.Write(append(b, '\n'))
}

type created map[string]any

// facts says that something happened to devices from to until of a channel.
func (l *lines) facts(kind, push, channel string, at time.Time, from, until int) {
	for ; from < until; from += 500 {
		var list []string
		for i := from; i < min(from+500, until); i++ {
			list = append(list, deviceName(channel, i))
		}
		l.event(kind, push, at, map[string]any{"channel": channel, "devices": list})
	}
}

func deviceName(channel string, i int) string { return fmt.Sprintf("%s-%05d", channel, i) }

// lanes are the shares of a push's devices by channel, in percent.
func lanes() []struct {
	channel                        string
	share, delivered, shown, click int
} {
	return []struct {
		channel                        string
		share, delivered, shown, click int
	}{
		{"apns", 34, 93, 84, 9}, {"fcm", 24, 94, 83, 8}, {"huawei", 15, 96, 0, 8}, {"xiaomi", 12, 95, 0, 7}, {"vivo", 7, 94, 0, 7}, {"sms", 8, 97, 0, 3},
	}
}

// steps are what happens to a push, in order.
var steps = []string{"push.sent", "delivery.delivered", "display.shown", "click.clicked"}

// send reports a push to a number of devices, up to a step of its funnel.
func (l *lines) send(push string, at time.Time, count, until int) {
	for step, kind := range steps[:until] {
		for _, lane := range lanes() {
			share := []int{100, lane.delivered, lane.shown, lane.click}[step]
			l.facts(kind, push, lane.channel, at, 0, count*lane.share/100*share/100)
		}
	}
}

// publish stores what was gathered.
func (s *stage) publish(l *lines) {
	s.t.Helper()
	a, err := s.client().Publish(s.t.Context(), api.TypeNDJSON, l)
	if err != nil || len(a.Refused) > 0 {
		s.t.Fatalf("publish: %v, refused %+v", err, a.Refused)
	}
	if _, err := s.client().Push(s.t.Context(), hostile, api.ReadOptions{AtLeast: a.Position}); err != nil {
		var p *api.Problem
		if !asProblem(err, &p) || p.Status != http.StatusNotFound {
			s.t.Fatal(err)
		}
	}
}

// The texts of the hostile push would run in a page that took them for markup.
const (
	hostile     = `"><svg onload=hacked=1>`
	hostileText = `<img src=x onerror="hacked=1"><script>hacked=1</script>{{7*7}}`
)

// fill publishes the pushes of the tests.
func (s *stage) fill() {
	s.t.Helper()
	now := time.Now()
	var l lines
	push := func(id string, at time.Time, c created) {
		c["audience"] = map[string]any{"kind": "all"}
		l.event("push.created", id, at, c)
	}
	push("weekly-digest", now.Add(-70*time.Hour), created{"title": "Your week in review", "body": "12 things you missed.", "slot": "digest"})
	l.send("weekly-digest", now.Add(-70*time.Hour), 4000, 4)
	push("storm-warning", now.Add(-26*time.Hour), created{"title": "Storm warning for the coast", "slot": "storm", "labels": map[string]string{"desk": "weather"}})
	l.send("storm-warning", now.Add(-26*time.Hour), 900, 4)
	push(hostile, now.Add(-3*time.Hour), created{"title": hostileText, "body": hostileText, "slot": "x", "labels": map[string]string{"<b>k": hostileText}})
	l.facts("display.shown", hostile, "vivo", now.Add(-3*time.Hour), 0, 3)
	l.event("push.sent", hostile, now, map[string]any{"channel": "vivo", "devices": []string{hostile}})
	later := now.Add(9 * time.Hour)
	push("morning-brief", now.Add(-time.Hour), created{"title": "Morning brief", "slot": "brief", "schedule_at": later.UTC().Format(time.RFC3339)})
	s.publish(&l)

	// In pieces, so that the holders come and go in the course of the log.
	at := now.Add(-4 * time.Minute)
	var head lines
	head.event("push.created", "flash-sale", at, created{
		"title": "Flash sale: everything 90 % off", "body": "Only today, in the whole shop.", "slot": "4711", "audience": map[string]any{"kind": "all"},
		"labels": map[string]string{"campaign": "autumn", "team": "growth"},
	})
	s.publish(&head)
	for step, kind := range steps {
		for _, lane := range lanes() {
			var piece lines
			share := []int{100, lane.delivered, lane.shown, lane.click}[step]
			piece.facts(kind, "flash-sale", lane.channel, at, 0, 12000*lane.share/100*share/100)
			if piece.Len() > 0 {
				s.publish(&piece)
			}
		}
	}
	if _, err := s.client().Recall(s.t.Context(), api.RecallRequest{Push: "storm-warning", Action: channels.Terminate, Reason: "all clear"}, ""); err != nil {
		s.t.Fatal(err)
	}
}
