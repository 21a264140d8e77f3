package facadetest

import (
	"context"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/projections"
)

// End returns the end of the first partition's log.
func (n *Node) End() events.Position {
	n.T.Helper()
	return Must(n.Part.Log.End(context.Background()))(n.T)
}

// Fold waits until the projection has applied a position.
func (n *Node) Fold(pos events.Position) {
	n.T.Helper()
	if err := n.Desk.Ledger.Wait(context.Background(), events.Positions{pos}); err != nil {
		n.T.Fatal(err)
	}
}

// Append writes an event as the ledger itself would, and waits until it is
// folded.
func (n *Node) Append(app, push string, k events.Kind, data events.Data) events.Position {
	n.T.Helper()
	e := &events.Event{Header: events.Header{Kind: k, App: app, Push: push, Time: n.Now()}, Data: data}
	if err := events.Check(e); err != nil {
		n.T.Fatal(err)
	}
	channel := ""
	if c, ok := data.(*events.Command); ok {
		channel = c.Channel
	}
	log := Must(n.Desk.Ledger.Of(n.T.Context(), app, push))(n.T).Log
	record := events.Record{Subject: events.Subject(log.Partition(), app, k, push, channel), Data: Must(events.Encode(e))(n.T)}
	pos := Must(log.Append(context.Background(), []events.Record{record}))(n.T)
	n.Fold(pos)
	return pos
}

// Fact writes what happened to devices.
func (n *Node) Fact(app, push string, k events.Kind, channel string, devices ...string) {
	n.T.Helper()
	n.Append(app, push, k, &events.Fact{Channel: channel, Devices: devices})
}

// Record makes a push to everybody known, under an id and a profile of the
// test's choice.
func (n *Node) Record(app, push, profile string) {
	n.T.Helper()
	n.Append(app, push, events.PushCreated, &events.Created{
		Title: "t", Audience: events.Audience{Kind: events.AudienceAll}, Profile: profile, Slot: "s",
	})
}

// Find returns what the ledger knows of a push at the log's end, nil when that
// is nothing.
func (n *Node) Find(app, id string) *projections.Push {
	n.T.Helper()
	return Must(n.Desk.Push(context.Background(), app, id))(n.T)
}

// Push returns what the ledger knows of a push, which must be something.
func (n *Node) Push(app, id string) *projections.Push {
	n.T.Helper()
	p := n.Find(app, id)
	if p == nil {
		n.T.Fatalf("push %s of %s is not known", id, app)
	}
	return p
}

// Funnels returns the figures of a push that are not 0, by channel.
func (n *Node) Funnels(app, push string) map[string]map[string]uint32 {
	n.T.Helper()
	all := map[string]map[string]uint32{}
	for _, c := range n.Push(app, push).Channels {
		f := map[string]uint32{}
		for name, count := range c.Funnel {
			if count > 0 {
				f[name] = count
			}
		}
		all[c.Channel] = f
	}
	return all
}
