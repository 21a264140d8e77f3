package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/projections"
)

// The limits of an overview (L11): how many pushes it has at most, how many of
// the newest are searched, how many of the newest recalls are looked at, and the
// shortest time between two messages. A search costs more, so it comes less often.
const (
	overviewPushes   = 200
	overviewSearch   = 5000
	overviewRecalls  = 200
	overviewInterval = time.Second
	searchInterval   = 3 * time.Second
	maxSearch        = 200

	eventOverview = "overview"
	untilFirst    = "first"
)

// Overview is what an operator looks at first.
type Overview struct {
	// Pushes are the newest, newest first, or the newest that were searched for.
	Pushes []PushSummary `json:"pushes"`
	// More is true when there are more pushes than the overview has.
	More bool `json:"more,omitempty"`
	// Searched is how many of the newest pushes were searched; 0 without a search.
	Searched int `json:"searched,omitempty"`
	// Recalls are those under way, newest first.
	Recalls []projections.Recall `json:"recalls"`
	Health  Health               `json:"health"`
}

// PushSummary is a push in one line.
type PushSummary struct {
	Push  string `json:"push"`
	Title string `json:"title,omitempty"`
	// Status is one word, as in Push.
	Status     string     `json:"status"`
	Start      time.Time  `json:"start"`
	ScheduleAt *time.Time `json:"schedule_at,omitempty"`
	Channels   []string   `json:"channels"`
	// Funnel and holders are sums over the channels, as in PushChannel.
	Funnel      map[string]uint32 `json:"funnel"`
	Certain     uint32            `json:"certain"`
	Possible    uint32            `json:"possible"`
	Unreachable uint32            `json:"unreachable"`
	// Recall is the newest one of the whole push.
	Recall *RecallSummary `json:"recall,omitempty"`
}

// RecallSummary is a recall in one line.
type RecallSummary struct {
	Recall  string             `json:"recall"`
	Action  string             `json:"action"`
	State   ledger.RecallState `json:"state"`
	Percent float64            `json:"percent"`
	Settled bool               `json:"settled"`
}

// Health says how the node is.
type Health struct {
	// NotReady is why the node should get no traffic, "" when it should.
	NotReady string `json:"not_ready,omitempty"`
	PartitionPosition
	// DeadLetters are recalls with refused commands among the newest recalls;
	// Redrivable of them still run, so that the commands can be issued again.
	DeadLetters int `json:"dead_letters"`
	Redrivable  int `json:"redrivable"`
}

type overviewInput struct {
	Search string `query:"search" doc:"Only pushes with this text in id, title or a label, whatever the case"`
	Limit  string `query:"limit" doc:"How many pushes; 50 unless told, at most 200"`
	Until  string `query:"until" enum:"first" doc:"first ends after the first message; without it the stream goes on"`
}

// overview sends the overview whenever it changed.
func (s *Server) overview(ctx context.Context, in *overviewInput) (*huma.StreamResponse, error) {
	limit, err := limitOf(in.Limit)
	if err == nil {
		err = oneOf("until", in.Until, untilFirst)
	}
	if err == nil {
		err = events.CheckText("search", in.Search, maxSearch)
	}
	if err != nil {
		return nil, err
	}
	if limit == 0 {
		limit = projections.DefaultPage
	}
	limit = min(limit, overviewPushes)
	return s.stream(ctx, typeEvents, func(out *stream) error {
		return s.followOverview(ctx, out, strings.TrimSpace(in.Search), limit, in.Until == untilFirst)
	}), nil
}

func (s *Server) followOverview(ctx context.Context, out *stream, search string, limit int, once bool) error {
	interval := overviewInterval
	if search != "" {
		interval = searchInterval
	}
	keep := time.NewTicker(s.c.KeepAlive)
	defer keep.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	var last []byte
	for {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.done:
			return nil
		}
		moved := s.c.Ledger.Moved()
		v, err := s.look(ctx, search, limit)
		if err != nil {
			return err
		}
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if !bytes.Equal(b, last) {
			last = b
			out.event(eventOverview, b)
		} else {
			out.buf = append(out.buf, ": still here\n\n"...)
		}
		if err := out.flush(); err != nil || once {
			return err
		}
		// Also without news of the projection: it may have stopped, and that is
		// what the operator must see.
		select {
		case <-moved:
		case <-keep.C:
		case <-s.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
		pause.Reset(interval)
	}
}

// look makes an overview.
func (s *Server) look(ctx context.Context, search string, limit int) (*Overview, error) {
	app := from(ctx).caller.app
	v := &Overview{Pushes: []PushSummary{}, Recalls: []projections.Recall{}}
	if err := s.lookPushes(v, app, search, limit); err != nil {
		return nil, err
	}
	list, _, err := s.c.Ledger.Recalls(app, projections.Page{Limit: overviewRecalls})
	if err != nil {
		return nil, err
	}
	for _, r := range list {
		if r.State == ledger.Running && !r.Settled {
			v.Recalls = append(v.Recalls, r)
		}
		if r.Total.Refused > 0 {
			v.Health.DeadLetters++
			if r.State == ledger.Running {
				v.Health.Redrivable++
			}
		}
	}
	p, err := s.positions(ctx, nil)
	if err != nil {
		return nil, err
	}
	v.Health.PartitionPosition = worst(p.Body.Partitions)
	if s.c.Ready != nil {
		bounded, cancel := context.WithTimeout(ctx, readyTimeout)
		defer cancel()
		if err := s.c.Ready(bounded); err != nil && ctx.Err() == nil {
			v.Health.NotReady = err.Error()
		}
	}
	return v, nil
}

// worst sums up the partitions: the one that lags most, with the sizes and figures
// of all.
func worst(list []PartitionPosition) PartitionPosition {
	v := slices.MaxFunc(list, func(a, b PartitionPosition) int { return cmp.Compare(a.Lag, b.Lag) })
	for _, p := range list {
		if p.Partition == v.Partition {
			continue
		}
		v.LogBytes += p.LogBytes
		v.LogLimit += p.LogLimit
		v.Stats.Pushes += p.Stats.Pushes
		v.Stats.Notifications += p.Stats.Notifications
		v.Stats.Quarantined += p.Stats.Quarantined
		v.Stats.DiskBytes += p.Stats.DiskBytes
		// A device of several partitions is one device.
		v.Stats.Devices, v.Stats.Apps = max(v.Stats.Devices, p.Stats.Devices), max(v.Stats.Apps, p.Stats.Apps)
	}
	return v
}

// lookPushes adds the newest pushes, or those with the text searched for. A push
// whose id is the text is found however old it is.
func (s *Server) lookPushes(v *Overview, app, search string, limit int) error {
	now, page, text := s.c.Clock(), projections.Page{Limit: limit}, strings.ToLower(search)
	if search != "" {
		page.Limit = projections.MaxPage
	}
	for {
		list, next, err := s.c.Ledger.Pushes(app, page, now)
		if err != nil {
			return err
		}
		for i := range list {
			if search == "" || mentions(&list[i], text) {
				v.Pushes = append(v.Pushes, summarize(&list[i]))
			}
			if search != "" {
				v.Searched++
			}
			if len(v.Pushes) == limit {
				v.More = i < len(list)-1 || next != ""
				return nil
			}
		}
		if search == "" || next == "" {
			return nil
		}
		if v.Searched >= overviewSearch {
			v.More = true
			break
		}
		page.Cursor = next
	}
	// What is no id is that of no push.
	old, err := s.c.Ledger.Push(app, search, now)
	if err != nil || old == nil {
		return err
	}
	if !slices.ContainsFunc(v.Pushes, func(p PushSummary) bool { return p.Push == old.Push }) {
		v.Pushes = append(v.Pushes, summarize(old))
	}
	return nil
}

// mentions reports whether a push has a text, given in lower case.
func mentions(p *projections.Push, text string) bool {
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	if has(p.Push) || p.Created != nil && has(p.Created.Title) {
		return true
	}
	if p.Created != nil {
		for k, l := range p.Created.Labels {
			if has(k) || has(l) {
				return true
			}
		}
	}
	return false
}

func summarize(p *projections.Push) PushSummary {
	v := PushSummary{Push: p.Push, Status: p.Status, Start: p.Start, Channels: []string{}, Funnel: map[string]uint32{}}
	if p.Created != nil {
		v.Title, v.ScheduleAt = p.Created.Title, p.Created.ScheduleAt
	}
	for _, c := range p.Channels {
		v.Channels = append(v.Channels, c.Channel)
		for name, n := range c.Funnel {
			v.Funnel[name] += n
		}
		v.Certain, v.Possible, v.Unreachable = v.Certain+c.Certain, v.Possible+c.Possible, v.Unreachable+c.Unreachable
	}
	for _, r := range p.Recalls {
		if r.Scope.Whole() {
			v.Recall = &RecallSummary{Recall: r.Recall, Action: r.Action, State: r.State, Percent: r.Percent, Settled: r.Settled}
		}
	}
	return v
}
