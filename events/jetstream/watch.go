package jetstream

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// WatchConfig configures a Watch.
type WatchConfig struct {
	Conn *nats.Conn
	// Partitions are watched from 0 up to it. Default 1.
	Partitions int
	// Servers are asked about each copy; nil: they cannot be, which is a Finding.
	Servers *Servers
	// AcceptUnsynced makes no finding of servers that do not sync always.
	AcceptUnsynced bool
	// Every is how often is looked. Default 5 seconds.
	Every time.Duration
	// StepDown lets a leader that is slow, or whose copy has a gap, be replaced by
	// one that is better, at most once in StepDownEvery (default 2 minutes).
	StepDown      bool
	StepDownEvery time.Duration
	// A leader is slow when appends by it take longer than SlowAbove (default 250
	// ms) and SlowFactor (default 5) times as long as by the best other server
	// lately, for SlowFor (default 15 seconds).
	SlowAbove  time.Duration
	SlowFactor float64
	SlowFor    time.Duration
	// MaxSkew is how far clocks may be apart. Default 5 seconds.
	MaxSkew time.Duration
	Clock   func() time.Time
	Logger  *slog.Logger
}

func (c *WatchConfig) setDefaults() {
	if c.Partitions == 0 {
		c.Partitions = 1
	}
	for _, d := range []struct {
		value   *time.Duration
		instead time.Duration
	}{
		{&c.Every, 5 * time.Second}, {&c.StepDownEvery, 2 * time.Minute}, {&c.SlowAbove, 250 * time.Millisecond},
		{&c.SlowFor, 15 * time.Second}, {&c.MaxSkew, 5 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.instead
		}
	}
	if c.SlowFactor == 0 {
		c.SlowFactor = 5
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Watch looks for what NATS does not notice, or does not act upon: copies of a
// stream that are damaged, leaders that are slow, servers that do not sync, stores
// that fill up, clocks that differ, and a connection to a server that is cut off
// from its peers. It changes nothing but who leads, and only when told that it may.
type Watch struct {
	c     WatchConfig
	speed *speed

	mu       sync.Mutex
	findings []Finding
	// before is the last look, by stream.
	before map[string]look
	// silent is how many looks in a row nobody answered.
	silent int
	// stepped is when a leader was last replaced, by stream.
	stepped map[string]time.Time
}

// NewWatch returns a watch; Run makes it work.
func NewWatch(c WatchConfig) *Watch {
	c.setDefaults()
	return &Watch{c: c, speed: newSpeed(), before: map[string]look{}, stepped: map[string]time.Time{}}
}

// Observe is told how long an append took (Config.Observe).
func (w *Watch) Observe(partition int, took time.Duration) {
	w.speed.observe(StreamName(partition), took)
}

// Findings returns what the last look found, the worst first.
func (w *Watch) Findings() []Finding {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.findings)
}

// Run looks again and again until ctx ends; then it returns nil. What is new or
// over is logged.
func (w *Watch) Run(ctx context.Context) error {
	t := time.NewTicker(w.c.Every)
	defer t.Stop()
	for {
		before := w.Findings()
		now := w.Check(ctx)
		if ctx.Err() != nil {
			return nil
		}
		w.report(ctx, before, now)
		w.act(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// Check looks once, changes nothing, and returns what it found, the worst first.
// Some findings need two looks: what a copy lacks may be under way.
func (w *Watch) Check(ctx context.Context) []Finding {
	looks := make(map[string]look, w.c.Partitions)
	answered := false
	for p := range w.c.Partitions {
		l := w.look(ctx, p)
		answered = answered || l.err == nil
		looks[StreamName(p)] = l
	}
	asked := w.c.Clock()
	servers, err := w.c.Servers.Ask(ctx)
	var found []Finding
	if err != nil {
		found = append(found, finding(Blind, "", -1, "", "", "the servers of the cluster cannot be asked about their copies of the log: %v", err))
	}
	found = append(found, w.checkServers(servers, asked)...)
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range w.c.Partitions {
		now := looks[StreamName(p)]
		now.take(servers)
		found = append(found, w.checkStream(now, w.before[now.stream])...)
		w.before[now.stream] = now
	}
	slices.SortStableFunc(found, func(a, b Finding) int {
		if a.Severity != b.Severity {
			return int(b.Severity) - int(a.Severity)
		}
		return strings.Compare(a.same(), b.same())
	})
	if w.silent++; answered {
		w.silent = 0
	}
	w.findings = found
	return slices.Clone(found)
}

// report logs what came and what went.
func (w *Watch) report(ctx context.Context, before, now []Finding) {
	has := func(list []Finding, f Finding) bool {
		return slices.ContainsFunc(list, func(o Finding) bool { return o.same() == f.same() })
	}
	levels := [...]slog.Level{Notice: slog.LevelInfo, Warning: slog.LevelWarn, Critical: slog.LevelError}
	for _, f := range now {
		if !has(before, f) {
			w.c.Logger.Log(ctx, levels[f.Severity], "the cluster of the log is in trouble", "trouble", string(f.Trouble), "text", f.Text, "remedy", f.Remedy)
		}
	}
	for _, f := range before {
		if !has(now, f) {
			w.c.Logger.InfoContext(ctx, "a trouble of the cluster is over", "trouble", string(f.Trouble), "stream", f.Stream, "server", f.Server)
		}
	}
}

// maxSilent is after how many looks without an answer another server is tried.
const maxSilent = 2

// act does what a Watch may do: leave a server that is cut off from its peers, and
// let a better server lead.
func (w *Watch) act(ctx context.Context) {
	w.mu.Lock()
	silent := w.silent
	w.mu.Unlock()
	if silent >= maxSilent && w.c.Conn.IsConnected() {
		was := w.c.Conn.ConnectedServerName()
		// A failure means that it is closed or reconnects already.
		_ = w.c.Conn.ForceReconnect()
		w.c.Logger.WarnContext(ctx, "the NATS server answers no request; another one is tried", "server", was)
		w.mu.Lock()
		w.silent = 0
		w.mu.Unlock()
	}
	if !w.c.StepDown {
		return
	}
	for p := range w.c.Partitions {
		w.stepDown(ctx, StreamName(p))
	}
}

// stepDown asks the leader of a stream to let another one lead, when that one is
// better.
func (w *Watch) stepDown(ctx context.Context, stream string) {
	w.mu.Lock()
	now, last := w.before[stream], w.stepped[stream]
	bad := slices.ContainsFunc(w.findings, func(f Finding) bool {
		return f.Stream == stream && f.Server == now.leader && (f.Trouble == SlowLeader || f.Trouble == Gap || f.Trouble == Differs)
	})
	w.mu.Unlock()
	if !bad || !last.IsZero() && w.c.Clock().Sub(last) < w.c.StepDownEvery {
		return
	}
	better := w.better(now)
	if better == "" {
		return
	}
	w.mu.Lock()
	w.stepped[stream] = w.c.Clock()
	w.mu.Unlock()
	request := map[string]any{"placement": map[string]any{"preferred": better}}
	ctx, cancel := context.WithTimeout(ctx, 2*tryTimeout)
	defer cancel()
	err := once(ctx, w.c.Conn, "STREAM.LEADER.STEPDOWN."+stream, request, &apiError{})
	if err != nil {
		w.c.Logger.WarnContext(ctx, "the leader of a stream could not be replaced", "stream", stream, "leader", now.leader, "error", err.Error())
		return
	}
	w.c.Logger.WarnContext(ctx, "the leader of a stream was replaced", "stream", stream, "leader", now.leader, "next", better)
}
