package webhook

import (
	"context"
	"log/slog"
	"net/http"

	"golang.org/x/sync/errgroup"
)

// Caller calls all receivers.
type Caller struct {
	receivers []*receiver
	client    *http.Client
}

// New returns a Caller; Run makes it work. Its error is that of Check.
func New(c Config) (*Caller, error) {
	if err := Check(c.Receivers); err != nil {
		return nil, err
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	client := *c.Client
	// A receiver must not send us on to somewhere nobody configured.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Jar, client.Timeout = nil, Timeout
	c.Client = &client
	all := &Caller{client: &client}
	for i, r := range c.Receivers {
		all.receivers = append(all.receivers, newReceiver(&c, r, i))
	}
	return all, nil
}

// Run works until ctx ends (nil) or a queue fails. Calls under way are finished,
// which takes Timeout at most; nothing else begins.
func (c *Caller) Run(ctx context.Context) error {
	defer c.client.CloseIdleConnections()
	g, ctx := errgroup.WithContext(ctx)
	for _, r := range c.receivers {
		g.Go(func() error { return r.c.Queue.Consume(ctx, r.name(), filter(r.c.Partition, r.App), Calls, r.handle) })
	}
	return g.Wait()
}
