package showcase

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// phones are the real devices: clients of the self-built channel with credentials
// of their own.
type phones struct {
	on      map[string]*selfbuilt.Device
	changed chan struct{}
	clock   func() time.Time
}

func newPhones(clock func() time.Time) *phones {
	return &phones{on: map[string]*selfbuilt.Device{}, changed: make(chan struct{}, 1), clock: clock}
}

// connect switches a phone on.
func (p *phones) connect(ctx context.Context, client *api.Client, id string) error {
	cred, err := client.DeviceCredential(ctx, id)
	if err != nil {
		return fmt.Errorf("credential of %s: %w", id, err)
	}
	d, err := selfbuilt.Dial(ctx, selfbuilt.DeviceConfig{
		URL: cred.URL, App: appName, Device: id, Password: cred.Password, Clock: p.clock, OnChange: p.poke,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	p.on[id] = d
	return nil
}

func (p *phones) poke() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// await waits until all these phones have told everything and are as asked.
func (p *phones) await(ctx context.Context, what string, ids []string, is func(*selfbuilt.Device) bool) error {
	ctx, cancel := patient(ctx)
	defer cancel()
	for {
		missing := slices.IndexFunc(ids, func(id string) bool {
			reports, synced := p.on[id].Pending()
			return reports > 0 || !synced || !is(p.on[id])
		})
		if missing < 0 {
			return nil
		}
		select {
		case <-p.changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s to %s: %w", ids[missing], what, context.Cause(ctx))
		}
	}
}

// shows reports whether a push is on a phone's screen.
func shows(d *selfbuilt.Device, push string) bool {
	return slices.ContainsFunc(d.Screen(), func(n selfbuilt.Notification) bool { return n.Push == push })
}

// close switches all phones off.
func (p *phones) close() {
	for id, d := range p.on {
		d.Close()
		delete(p.on, id)
	}
}
