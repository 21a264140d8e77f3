package node

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/projections"
)

// scrapeTimeout bounds what a scrape asks of the log.
const scrapeTimeout = 2 * time.Second

// gauges are read when somebody asks. What is not known is left out: absent is
// noticed, a wrong figure is not.
type gauges struct {
	n *Node

	ready, lag, logBytes, logLimit, diskFree, diskTotal, stored        *prometheus.Desc
	held, surveyed, running, unsettled, open, ratio, oldest, windowEnd *prometheus.Desc
	letters, letter, holders, troubles                                 *prometheus.Desc
}

func newGauges(n *Node) *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &gauges{
		n:        n,
		ready:    desc("recall_ledger_ready", "1 when the node takes requests, 0 when it is behind or its log does not answer."),
		lag:      desc("recall_ledger_projection_lag_seconds", "Age of the newest folded event while the log holds newer ones, else 0."),
		logBytes: desc("recall_ledger_log_bytes", "Size of the log on disk."),
		logLimit: desc("recall_ledger_log_limit_bytes", "Size at which the log takes no more."),

		diskFree:  desc("recall_ledger_disk_free_bytes", "What the node may still use of the disk with its data."),
		diskTotal: desc("recall_ledger_disk_total_bytes", "Size of the disk with the node's data."),
		stored:    desc("recall_ledger_projection_bytes", "Size of the projection on disk."),
		held:      desc("recall_channel_held_apps", "Apps whose calls on the channel are held back by the breaker, because too many failed.", "channel"),

		surveyed:  desc("recall_ledger_survey_timestamp_seconds", "When the running recalls were last looked at; the figures of recalls are as of then."),
		running:   desc("recall_ledger_recalls_running", "Recalls whose window is open."),
		unsettled: desc("recall_ledger_recalls_unsettled", "Running recalls with devices that have no outcome yet."),
		open:      desc("recall_ledger_recall_open_devices", "Devices of running recalls that have no outcome yet."),
		ratio:     desc("recall_ledger_recall_completion_ratio", "Share of devices with an outcome, over the unsettled recalls (at most 1000); 1 without any."),
		oldest:    desc("recall_ledger_recall_oldest_unsettled_seconds", "Time since the oldest unsettled recall was accepted; 0 without any."),
		windowEnd: desc("recall_ledger_recall_window_left_seconds", "Time until the first unsettled recall's window closes; absent without any."),
		letters:   desc("recall_ledger_dead_letters", "Running recalls with refused commands, which can be issued again."),
		letter:    desc("recall_ledger_dead_letter_oldest_seconds", "Time since the oldest of those recalls was accepted; 0 without any."),
		troubles:  desc("recall_ledger_log_troubles", "Troubles of the cluster with the log, by kind and severity, as the last look found them.", "trouble", "severity"),
		holders:   desc("recall_ledger_holders", "Devices that hold a push with an unsettled recall (at most 1000), by certainty.", "channel", "certainty"),
	}
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		g.ready, g.lag, g.logBytes, g.logLimit, g.diskFree, g.diskTotal, g.stored, g.held, g.surveyed, g.running,
		g.unsettled, g.open, g.ratio, g.oldest, g.windowEnd, g.letters, g.letter, g.holders, g.troubles,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(to chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	g.node(send)
	f := g.n.survey.last()
	if f.at.IsZero() {
		return
	}
	now := g.n.c.Clock()
	age := func(t time.Time) float64 {
		if t.IsZero() {
			return 0
		}
		return max(now.Sub(t).Seconds(), 0)
	}
	send(g.surveyed, float64(f.at.Unix()))
	send(g.running, float64(f.running))
	send(g.unsettled, float64(f.unsettled))
	send(g.open, float64(f.open))
	send(g.oldest, age(f.oldest))
	send(g.letters, float64(f.letters))
	send(g.letter, age(f.letter))
	ratio := 1.0
	if f.all > 0 {
		ratio = float64(f.done) / float64(f.all)
	}
	send(g.ratio, ratio)
	if !f.window.IsZero() {
		send(g.windowEnd, f.window.Sub(now).Seconds())
	}
	for k, n := range f.holders {
		send(g.holders, float64(n), k[0], k[1])
	}
}

// node sends what is known of the node itself.
func (g *gauges) node(send func(*prometheus.Desc, float64, ...string)) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	ready := 0.0
	if g.n.ready(ctx) == nil {
		ready = 1
	}
	send(g.ready, ready)
	var stored uint64
	for _, p := range g.n.ledger.Parts() {
		if p.Local != nil {
			stored += p.Local.Stats().DiskBytes
		}
	}
	send(g.stored, float64(stored))
	send(g.logLimit, float64(g.n.c.Log.MaxBytes))
	if g.n.watch != nil {
		count := map[[2]string]int{}
		for _, f := range g.n.watch.Findings() {
			count[[2]string{string(f.Trouble), f.Severity.String()}]++
		}
		for k, c := range count {
			send(g.troubles, float64(c), k[0], k[1])
		}
	}
	if size, behind, err := g.logs(ctx); err == nil {
		send(g.logBytes, float64(size))
		send(g.lag, behind.Seconds())
	}
	if disk, err := g.n.disk(); err == nil {
		send(g.diskFree, float64(disk.Free))
		send(g.diskTotal, float64(disk.Total))
	}
	held := g.n.held.count()
	seen := map[string]bool{}
	for _, row := range channels.Rows() {
		if !seen[row.Channel] {
			seen[row.Channel] = true
			send(g.held, float64(held[row.Channel]), row.Channel)
		}
	}
}

// logs returns the size of the log, and the age of the newest folded event of the
// partition that is furthest behind; 0 when none is.
func (g *gauges) logs(ctx context.Context) (size uint64, behind time.Duration, err error) {
	for _, p := range g.n.ledger.Parts() {
		var stats projections.Stats
		if p.Local != nil { // the node that serves it says how far it is
			stats = p.Local.Stats()
		}
		info, err := p.Log.Info(ctx)
		if err != nil {
			return 0, 0, err
		}
		size += info.Bytes
		if info.Last > stats.Applied.Seq && !stats.AppliedTime.IsZero() {
			behind = max(behind, g.n.c.Clock().Sub(stats.AppliedTime))
		}
	}
	return size, behind, nil
}

// count counts the apps that are held back, by channel.
func (h *held) count() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := map[string]int{}
	for _, list := range h.apps {
		for _, channel := range names(list) {
			n[channel]++
		}
	}
	return n
}
