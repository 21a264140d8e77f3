package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
)

// scrapeTimeout bounds what a scrape asks of the log.
const scrapeTimeout = 2 * time.Second

// metrics are what the API counts.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	accepted prometheus.Counter
	refused  *prometheus.CounterVec
	recalls  *prometheus.CounterVec
	refusals *prometheus.CounterVec
	replays  prometheus.Counter
}

func newMetrics(c *Config) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "recall_ledger_http_requests_total", Help: "Requests by route and status.",
		}, []string{"method", "route", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "recall_ledger_http_request_seconds", Help: "Duration of requests other than streams.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 3, 10),
		}, []string{"method", "route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "recall_ledger_http_requests_in_flight", Help: "Requests under way.",
		}),
		accepted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "recall_ledger_events_accepted_total", Help: "Published events that were stored.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "recall_ledger_events_refused_total", Help: "Published events that were refused, by class of reason.",
		}, []string{"reason"}),
		recalls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "recall_ledger_recalls_accepted_total", Help: "Accepted recalls by action.",
		}, []string{"action"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "recall_ledger_recalls_refused_total", Help: "Refused recalls by code.",
		}, []string{"code"}),
		replays: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "recall_ledger_idempotency_replays_total", Help: "Answers given again for a known idempotency key.",
		}),
	}
	for _, collector := range append([]prometheus.Collector{
		m.requests, m.duration, m.inFlight, m.accepted, m.refused, m.recalls, m.refusals, m.replays, newGauges(c),
	}, pastMetrics(c)...) {
		if err := c.Registry.Register(collector); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// request counts a request. Labels come from the table of routes, so that no
// caller can make new ones.
func (m *metrics) request(method, pattern string, status int, took time.Duration, rt *route) {
	m.requests.WithLabelValues(method, pattern, strconv.Itoa(status)).Inc()
	if rt != nil && rt.class != classStream && rt.class != classWatch {
		m.duration.WithLabelValues(method, pattern).Observe(took.Seconds())
	}
}

// decided counts a decision.
func (m *metrics) decided(a decision.Answer) {
	switch {
	case a.Replayed:
		m.replays.Inc()
	case a.Requested != nil:
		m.recalls.WithLabelValues(a.Requested.Action).Inc()
	case a.Refusal != nil:
		m.refusals.WithLabelValues(string(a.Refusal.Code)).Inc()
	}
}

// gauges are read when somebody asks.
type gauges struct {
	c                                       *Config
	applied, end, lag, quarantined, waiting *prometheus.Desc
}

func newGauges(c *Config) *gauges {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"partition"}, nil)
	}
	return &gauges{
		c:           c,
		applied:     desc("recall_ledger_projection_applied_seq", "Sequence of the newest folded event."),
		end:         desc("recall_ledger_log_end_seq", "Sequence of the newest event in the log."),
		lag:         desc("recall_ledger_projection_lag_events", "Events in the log that are not folded yet."),
		quarantined: desc("recall_ledger_quarantined_events", "Events that the fold passed over."),
		waiting:     desc("recall_ledger_committer_queue_records", "Records that wait to be written."),
	}
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.applied, g.end, g.lag, g.quarantined, g.waiting} {
		to <- d
	}
}

// Collect implements prometheus.Collector. A log that does not answer leaves
// its gauges out: absent is noticed, a wrong figure is not.
func (g *gauges) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	for _, p := range g.c.Ledger.Parts() {
		number := strconv.Itoa(p.Number())
		send := func(d *prometheus.Desc, v float64) {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, number)
		}
		send(g.waiting, float64(p.Committer.Waiting()))
		var applied events.Position
		if p.Local != nil { // of the others the nodes that serve them tell
			stats := p.Local.Stats()
			applied = stats.Applied
			send(g.applied, float64(applied.Seq))
			send(g.quarantined, float64(stats.Quarantined))
		}
		if end, err := p.Log.End(ctx); err == nil {
			send(g.end, float64(end.Seq))
			if p.Local != nil {
				send(g.lag, float64(lag(applied, end)))
			}
		}
	}
}

// lag is how many events lie between two positions.
func lag(applied, end events.Position) uint64 {
	if end.Seq <= applied.Seq {
		return 0
	}
	return uint64(end.Seq - applied.Seq)
}

func (s *Server) serveMetrics(w http.ResponseWriter, r *http.Request) {
	promhttp.HandlerFor(s.c.Registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}
