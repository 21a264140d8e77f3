package callback

import (
	"context"
	"log/slog"
	"net/http"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/recall-ledger/recall-ledger/ledger/facade/ums"
)

// Caller calls all receivers.
type Caller struct {
	receivers []*receiver
	client    *http.Client
}

// New returns a Caller; Run makes it work. Its error is that of Check.
func New(c Config) (*Caller, error) {
	if err := Check(c.Accounts); err != nil {
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
	for _, a := range c.Accounts {
		hashes := make([]string, 0, len(a.URLs))
		for _, u := range a.URLs {
			hashes = append(hashes, ums.URLHash(u))
		}
		for i, u := range a.URLs {
			all.receivers = append(all.receivers, newReceiver(&c, a.Key, u, i, hashes))
		}
	}
	return all, nil
}

// Run works until ctx ends (nil) or a queue fails. Calls under way are finished,
// which takes Timeout at most; nothing else begins.
func (c *Caller) Run(ctx context.Context) error {
	defer c.client.CloseIdleConnections()
	g, ctx := errgroup.WithContext(ctx)
	for _, r := range c.receivers {
		g.Go(func() error { return r.run(ctx) })
	}
	return g.Wait()
}

// Receivers returns the URLs by ChannelKey, as the handler of sends wants them.
func Receivers(list []Account) map[string][]string {
	urls := map[string][]string{}
	for _, a := range list {
		if len(a.URLs) > 0 {
			urls[a.Key.ID] = slices.Clone(a.URLs)
		}
	}
	return urls
}
