package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

const (
	// requestTimeout is how long a client waits for one answer: longer than an
	// election, shorter than a pause.
	requestTimeout = 6 * time.Second
	// retryPause is what a client waits before it asks another node.
	retryPause = 100 * time.Millisecond
	// patience bounds everything that is awaited.
	patience = 2 * time.Minute
	// audience is how many devices of each channel get a push.
	audience = 8
)

// books are the outside record of what was acknowledged.
type books struct {
	mu sync.Mutex
	// created are pushes, facts what is known of them as kind/channel/device.
	created map[string]bool
	facts   map[string]map[string]bool
	recalls map[string]accepted // by push
	// counts are of answers and retries, by what happened.
	counts map[string]int
	// slowest is the longest time a recall took with all its retries.
	slowest time.Duration
}

// accepted is a recall with the answer that was given.
type accepted struct{ id, key, body string }

func (b *books) count(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts[what]++
}

// campaign is the load on the nodes.
type campaign struct {
	t       *testing.T
	members []*member
	vendors *vendors
	books   *books
	http    *http.Client
	// pause is between two stories of one worker.
	pause time.Duration
}

func newCampaign(t *testing.T, members []*member, v *vendors) *campaign {
	c := &campaign{
		t: t, members: members, vendors: v, pause: 300 * time.Millisecond,
		books: &books{created: map[string]bool{}, facts: map[string]map[string]bool{}, recalls: map[string]accepted{}, counts: map[string]int{}},
		http:  &http.Client{Timeout: requestTimeout},
	}
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// run tells stories until ctx ends; those begun are told to their end.
func (c *campaign) run(ctx context.Context, seed uint64, workers int) {
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(w)+100))
			next := time.NewTicker(c.pause)
			defer next.Stop()
			for n := 0; ctx.Err() == nil; n++ {
				c.story(rng, fmt.Sprintf("p%d-%d", w, n), n)
				select {
				case <-next.C:
				case <-ctx.Done():
				}
			}
		})
	}
	all.Wait()
}

// answer is what a node said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) code() string {
	var p api.Problem
	_ = json.Unmarshal(a.body, &p)
	return p.Code
}

// request is one that may be asked of any node, and again.
type request struct {
	method, path, kind, key string
	body                    []byte
}

// ask asks one node.
func (c *campaign) ask(ctx context.Context, node int, r request) (answer, error) {
	base := c.members[node].url()
	if base == "" {
		return answer{}, errAway
	}
	q, err := http.NewRequestWithContext(ctx, r.method, base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return answer{}, err
	}
	q.Header.Set("Recall-App", "shop")
	if r.kind != "" {
		q.Header.Set("Content-Type", r.kind)
	}
	if r.key != "" {
		q.Header.Set("Idempotency-Key", r.key)
	}
	resp, err := c.http.Do(q)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, b}, err
}

// insist asks one node after the other until one answers for good.
func (c *campaign) insist(rng *rand.Rand, first int, r request) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for node := first; ; {
		a, err := c.ask(ctx, node, r)
		switch {
		case err == nil && a.status != http.StatusServiceUnavailable && a.status != http.StatusTooManyRequests:
			return a, nil
		case err == nil:
			err = fmt.Errorf("%d %s", a.status, a.code())
			c.books.count("retried after " + err.Error())
		case errors.Is(err, errAway), errors.Is(err, syscall.ECONNREFUSED):
			c.books.count("retried elsewhere: nobody there")
		default:
			c.books.count("retried elsewhere: no answer")
		}
		rest := time.NewTimer(retryPause)
		select {
		case <-rest.C:
		case <-ctx.Done():
			rest.Stop()
			return answer{}, fmt.Errorf("%s %s is not answered within %s: %w", r.method, r.path, patience, err)
		}
		node = rng.IntN(len(c.members))
	}
}

func (c *campaign) any(rng *rand.Rand) int { return rng.IntN(len(c.members)) }

// story is one push from its begin to its recall.
func (c *campaign) story(rng *rand.Rand, push string, n int) {
	override := n%4 == 3
	names := []string{chanFCM, chanNtfy}
	if override {
		names = []string{chanFCM, chanOld}
	}
	if !c.create(rng, push) {
		return
	}
	for _, channel := range names {
		var list []string
		for i := range audience {
			list = append(list, c.device(push, channel, i))
		}
		for _, d := range list {
			c.vendors.tray(channel).Show(d, push, "Sale")
		}
		// Many in one event, and single ones.
		c.publish(rng, push, "push.sent", channel, list)
		c.publish(rng, push, "display.shown", channel, list[:1], list[1:2], list[2:4])
		c.click(rng, push, channel, list[0])
	}
	var meanwhile sync.WaitGroup
	others := rand.New(rand.NewPCG(rng.Uint64(), 1))
	meanwhile.Go(func() {
		// Whether these come before the recall, or before a command, is open.
		for _, channel := range names {
			c.click(others, push, channel, c.device(push, channel, 1))
			c.publish(others, push, "delivery.delivered", channel, []string{c.device(push, channel, audience)})
		}
	})
	c.recall(rng, push, override, n)
	meanwhile.Wait()
	for _, channel := range names {
		late := c.device(push, channel, audience+1)
		c.vendors.tray(channel).Show(late, push, "Sale")
		c.publish(rng, push, "display.shown", channel, []string{late})
		c.click(rng, push, channel, c.device(push, channel, 2))
	}
}

// device is a device's id: no two pushes have one in common.
func (c *campaign) device(push, channel string, i int) string {
	name := fmt.Sprintf("%s-%s-%d", push, channel, i)
	if channel == chanOld {
		name = "emui9-" + name
	}
	return name
}

func (c *campaign) create(rng *rand.Rand, push string) bool {
	body := fmt.Sprintf(`{"kind":"push.created","push":%q,"data":{"slot":%q,"audience":{"kind":"list"}}}`, push, push)
	if !c.store(rng, api.TypeJSON, body) {
		return false
	}
	c.books.mu.Lock()
	defer c.books.mu.Unlock()
	c.books.created[push] = true
	c.books.facts[push] = map[string]bool{}
	return true
}

// publish stores facts of one kind, an event for each list of devices.
func (c *campaign) publish(rng *rand.Rand, push, kind, channel string, lists ...[]string) {
	var lines []string
	for _, devices := range lists {
		list, _ := json.Marshal(devices)
		lines = append(lines, fmt.Sprintf(`{"kind":%q,"push":%q,"data":{"channel":%q,"devices":%s}}`, kind, push, channel, list))
	}
	if !c.store(rng, api.TypeNDJSON, strings.Join(lines, "\n")) {
		return
	}
	c.books.mu.Lock()
	defer c.books.mu.Unlock()
	for _, devices := range lists {
		for _, d := range devices {
			c.books.facts[push][kind+"/"+channel+"/"+d] = true
		}
	}
}

func (c *campaign) click(rng *rand.Rand, push, channel, device string) {
	c.vendors.tray(channel).Click(device, push)
	c.publish(rng, push, "click.clicked", channel, []string{device})
}

// store publishes events at any node until one has acknowledged all of them.
func (c *campaign) store(rng *rand.Rand, kind, body string) bool {
	a, err := c.insist(rng, c.any(rng), request{http.MethodPost, "/v1/events", kind, "", []byte(body)})
	if err != nil || a.status != http.StatusOK {
		c.t.Errorf("publish %.200s: %d %s, %v", body, a.status, a.body, err)
		return false
	}
	c.books.count("published")
	return true
}

// recall takes a push back, in one of several ways.
func (c *campaign) recall(rng *rand.Rand, push string, override bool, n int) {
	began := time.Now()
	body := map[string]any{"push": push, "action": "recall"}
	if override {
		body = map[string]any{"push": push, "action": "override", "replacement": map[string]any{"title": "Sorry", "body": "Without price", "force": true}}
	}
	b, _ := json.Marshal(body)
	r := request{http.MethodPost, "/v1/recalls", api.TypeJSON, "key-" + push, b}
	var got answer
	switch n % 5 {
	case 0, 3:
		got = c.once(rng, r)
	case 1:
		got = c.sameKey(rng, r)
	case 2:
		got, r = c.twoKeys(rng, r)
	case 4:
		got = c.impatient(rng, r)
	}
	var a api.RecallAnswer
	if got.status != http.StatusAccepted || json.Unmarshal(got.body, &a) != nil || a.Recall == "" {
		c.t.Errorf("recall of %s: %d %s", push, got.status, got.body)
		return
	}
	c.books.mu.Lock()
	c.books.recalls[push] = accepted{a.Recall, r.key, string(got.body)}
	c.books.slowest = max(c.books.slowest, time.Since(began))
	c.books.mu.Unlock()
	c.after(rng, push, a.Recall, r)
}

// after looks whether every node knows of an acknowledged recall.
func (c *campaign) after(rng *rand.Rand, push, recall string, r request) {
	// The sender's gate is closed at once, wherever it is asked.
	q := url.Values{"device": {"anybody"}}
	gate, err := c.insist(rng, c.any(rng), request{http.MethodGet, "/v1/pushes/" + push + "/gate?" + q.Encode(), "", "", nil})
	var g api.GateAnswer
	if err != nil || gate.status != http.StatusOK || json.Unmarshal(gate.body, &g) != nil || g.Open || g.Recall != recall {
		c.t.Errorf("the gate of %s after recall %s: %d %s, %v", push, recall, gate.status, gate.body, err)
	}
	// Another recall is refused, wherever it is asked (L5).
	again := r
	again.key = "again-" + push
	second, err := c.insist(rng, c.any(rng), again)
	if err != nil || second.status != http.StatusConflict || !strings.Contains(string(second.body), recall) {
		c.t.Errorf("L5: a second recall of %s after %s: %d %s, %v", push, recall, second.status, second.body, err)
	}
	// Other content under the key is refused, wherever it is asked (L6).
	again.key, again.body = r.key, bytes.Replace(r.body, []byte(push), []byte("another-push"), 1)
	reused, err := c.insist(rng, c.any(rng), again)
	if err != nil || reused.status != http.StatusUnprocessableEntity {
		c.t.Errorf("L6: other content under the key of %s: %d %s, %v", push, reused.status, reused.body, err)
	}
}

// once asks one node, and others until one answers.
func (c *campaign) once(rng *rand.Rand, r request) answer {
	a, err := c.insist(rng, c.any(rng), r)
	if err != nil {
		c.t.Errorf("L6: %v", err)
	}
	return a
}

// both asks two nodes at once.
func (c *campaign) both(rng *rand.Rand, one, two request) (a, b answer) {
	first := c.any(rng)
	second := (first + 1) % len(c.members)
	other := rand.New(rand.NewPCG(rng.Uint64(), 2))
	var wait sync.WaitGroup
	var errs [2]error
	wait.Go(func() { b, errs[1] = c.insist(other, second, two) })
	a, errs[0] = c.insist(rng, first, one)
	wait.Wait()
	if err := errors.Join(errs[0], errs[1]); err != nil {
		c.t.Error(err)
	}
	return a, b
}

// sameKey asks two nodes at once under the same key: both give the same answer (L6).
func (c *campaign) sameKey(rng *rand.Rand, r request) answer {
	a, b := c.both(rng, r, r)
	if a.status != b.status || !bytes.Equal(a.body, b.body) {
		c.t.Errorf("L6: the same request at two nodes: %d %s and %d %s", a.status, a.body, b.status, b.body)
	}
	c.books.count("asked two nodes under one key")
	return a
}

// twoKeys asks two nodes at once under two keys: one recall is accepted, and the
// other refusal names it (L5).
func (c *campaign) twoKeys(rng *rand.Rand, r request) (answer, request) {
	other := r
	other.key += "-other"
	a, b := c.both(rng, r, other)
	if b.status == http.StatusAccepted {
		a, b, r = b, a, other
	}
	var got api.RecallAnswer
	_ = json.Unmarshal(a.body, &got)
	if a.status != http.StatusAccepted || b.status != http.StatusConflict || got.Recall == "" || !strings.Contains(string(b.body), got.Recall) {
		c.t.Errorf("L5: two recalls of one push at two nodes: %d %s and %d %s", a.status, a.body, b.status, b.body)
	}
	c.books.count("asked two nodes under two keys")
	return a, r
}

// impatient gives up before the answer may have come, and asks others.
func (c *campaign) impatient(rng *rand.Rand, r request) answer {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+rng.IntN(20))*time.Millisecond)
	first, err := c.ask(ctx, c.any(rng), r)
	cancel()
	a := c.once(rng, r)
	if err == nil && first.status == http.StatusAccepted && !bytes.Equal(first.body, a.body) {
		c.t.Errorf("L6: a retry at another node: %s, first it was %s", a.body, first.body)
	}
	if err != nil {
		c.books.count("gave up and asked elsewhere")
	}
	return a
}

// answerOf reads the answer to a recall that was accepted.
func answerOf(t *testing.T, body []byte) api.RecallAnswer {
	var a api.RecallAnswer
	if err := json.Unmarshal(body, &a); err != nil || a.Recall == "" {
		t.Errorf("the answer to a recall: %s, %v", body, err)
	}
	return a
}
