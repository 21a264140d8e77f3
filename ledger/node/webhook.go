package node

import (
	"net/http"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/ledger/webhook"
)

// WebhookConfig is a URL that is told of an app's recalls, as Receiver of package
// ledger/webhook says.
type WebhookConfig struct {
	App    string   `koanf:"app"`
	URL    string   `koanf:"url"`
	Secret string   `koanf:"secret"`
	Events []string `koanf:"events"`
}

// receivers are the webhooks of the configuration.
func (c *Config) receivers() []webhook.Receiver {
	list := make([]webhook.Receiver, 0, len(c.Webhooks))
	for _, w := range c.Webhooks {
		list = append(list, webhook.Receiver(w))
	}
	return list
}

// newWebhooks returns what tells services of the recalls of a partition. Its connections are its own:
// a receiver that answers late takes none from the channels.
func (n *Node) newWebhooks(p *partition.Part) (*webhook.Caller, error) {
	return webhook.New(webhook.Config{
		Partition: p.Number(), Queue: p.Queue, Projection: p.Local, Receivers: n.c.receivers(),
		Client: &http.Client{Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: webhook.Calls,
		}},
		Clock: n.c.Clock, Logger: n.c.Logger, Observer: n.stats.tellers(), Tracer: n.c.Tracer,
	})
}

func (m *meters) tellers() webhook.Observer {
	// From the start, or the first of each would be no increase.
	for _, kind := range webhook.Types() {
		for _, result := range []string{webhook.Delivered, webhook.Dropped, webhook.Old} {
			m.webhooks.WithLabelValues(kind, result)
		}
	}
	return webhook.Observer{
		Ended:  func(kind, result string) { m.webhooks.WithLabelValues(kind, result).Inc() },
		Failed: func(app string) { m.untaken.WithLabelValues(app).Inc() },
	}
}
