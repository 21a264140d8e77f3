package node

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
	"github.com/recall-ledger/recall-ledger/ledger/facade/ums/callback"
)

// meters count what the channel workers, the callbacks of UMS and the webhooks do.
type meters struct {
	calls    *prometheus.HistogramVec
	devices  *prometheus.CounterVec
	outcomes *prometheus.CounterVec
	retries  *prometheus.CounterVec
	statuses *prometheus.CounterVec
	failures *prometheus.CounterVec
	webhooks *prometheus.CounterVec
	untaken  *prometheus.CounterVec
}

func newMeters(r prometheus.Registerer) *meters {
	m := &meters{
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "recall_channel_call_seconds", Help: "Duration of vendor calls.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}, []string{"channel"}),
		devices: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "recall_channel_call_devices_total", Help: "Devices named in vendor calls.",
		}, []string{"channel"}),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "recall_outcomes_total", Help: "Outcomes recorded, by channel and outcome.",
		}, []string{"channel", "outcome"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "recall_command_retries_total", Help: "Commands put back to be tried again.",
		}, []string{"channel"}),
		statuses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "recall_callback_items_total", Help: "Status items of UMS that were delivered or dropped.",
		}, []string{"app", "result"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "recall_callback_failures_total", Help: "Calls of UMS callback URLs that failed.",
		}, []string{"app"}),
		webhooks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "recall_webhook_events_total", Help: "Events of recalls that were delivered to webhooks, dropped, or too old to be told.",
		}, []string{"type", "result"}),
		untaken: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "recall_webhook_failures_total", Help: "Calls of webhooks that failed.",
		}, []string{"app"}),
	}
	r.MustRegister(m.calls, m.devices, m.outcomes, m.retries, m.statuses, m.failures, m.webhooks, m.untaken)
	return m
}

func (m *meters) observer() dispatch.Observer {
	return dispatch.Observer{
		Called: func(channel string, devices int, d time.Duration) {
			m.calls.WithLabelValues(channel).Observe(d.Seconds())
			m.devices.WithLabelValues(channel).Add(float64(devices))
		},
		Ended: func(channel string, k events.Kind, devices int) {
			m.outcomes.WithLabelValues(channel, string(k)).Add(float64(devices))
		},
		Retried: func(channel string) { m.retries.WithLabelValues(channel).Inc() },
	}
}

func (m *meters) callbacks() callback.Observer {
	return callback.Observer{
		Ended: func(app string, delivered bool, items int) {
			result := "dropped"
			if delivered {
				result = "delivered"
			}
			m.statuses.WithLabelValues(app, result).Add(float64(items))
		},
		Failed: func(app string) { m.failures.WithLabelValues(app).Inc() },
	}
}
