package api

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/projections"
)

// The limits of a history (L11): how many of the push's events are read for it,
// how many of the device's are answered, and how long it may take.
const (
	historyScan    = 100_000
	historyEntries = 1000
	historyTimeout = 10 * time.Second
)

type notificationInput struct {
	Push    string `path:"push" maxLength:"128" doc:"The push id, percent-encoded"`
	Device  string `path:"device" maxLength:"512" doc:"The device's token, percent-encoded"`
	Channel string `query:"channel" doc:"Only on this channel"`
}

func (s *Server) notification(ctx context.Context, in *notificationInput) (*output[NotificationAnswer], error) {
	err := events.CheckID("push", in.Push, events.MaxPush)
	if err == nil {
		err = events.CheckID("device", in.Device, events.MaxDevice)
	}
	if err == nil {
		err = s.checkChannel(in.Channel)
	}
	if err != nil {
		return nil, err
	}
	app := from(ctx).caller.app
	first, last, err := s.ledger(ctx).PushBounds(app, in.Push)
	if err != nil {
		return nil, err
	}
	if last == 0 {
		return nil, unknownPush(in.Push)
	}
	list, err := s.ledger(ctx).Notifications(app, in.Push, in.Channel, in.Device)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, problem(string(ledger.UnknownDevice), "push %q never went to that device", in.Push)
	}
	h := newHistory(app, in, list)
	p, err := s.ledger(ctx).Of(ctx, app, in.Push)
	if err != nil {
		return nil, err
	}
	if err := h.read(ctx, p.Log, first, last); err != nil {
		return nil, err
	}
	return answer(NotificationAnswer{Notifications: list, History: h.entries, Truncated: h.truncated}, nil)
}

// history gathers the events of a push that concern one device.
type history struct {
	app, push, device, channel string
	// recalls are those that concern the device.
	recalls []string
	entries []HistoryEntry
	scanned int
	// truncated is true when a limit was reached.
	truncated bool
}

func newHistory(app string, in *notificationInput, list []projections.Notification) *history {
	h := &history{app: app, push: in.Push, device: in.Device, channel: in.Channel, entries: []HistoryEntry{}}
	for _, n := range list {
		for _, r := range n.Recalls {
			h.recalls = append(h.recalls, r.Recall)
		}
	}
	return h
}

// read reads what the log keeps of the push between two sequences.
func (h *history) read(ctx context.Context, log events.Log, first, last events.Seq) error {
	bounded, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	partition := log.Partition()
	for _, filter := range []string{
		events.DecisionFilter(partition, h.app, h.push),
		events.PushCommandFilter(partition, h.app, h.push),
		events.PushFactFilter(partition, h.app, h.push),
	} {
		err := log.Read(bounded, events.Range{From: first, To: last, Filter: filter}, h.take)
		switch {
		case errors.Is(err, errEnough):
			h.truncated = true
		case err != nil && bounded.Err() != nil && ctx.Err() == nil:
			h.truncated = true
		case err != nil:
			return err
		}
	}
	slices.SortFunc(h.entries, func(a, b HistoryEntry) int { return cmp.Compare(a.Position.Seq, b.Position.Seq) })
	return nil
}

// take notes a message if it concerns the device.
func (h *history) take(m events.Message) error {
	if h.scanned++; h.scanned > historyScan || len(h.entries) >= historyEntries {
		return errEnough
	}
	if !mayName(m.Data, h.push) {
		return nil
	}
	e, _ := events.Decode(m.Data)
	if e == nil || e.Push != h.push || e.App != h.app {
		return nil // what cannot be read is in the quarantine
	}
	n := HistoryEntry{Position: m.Position, Stored: m.Time.UTC(), Time: e.Time.UTC(), Kind: e.Kind}
	if h.concerns(e, &n) {
		h.entries = append(h.entries, n)
	}
	return nil
}

// mayName reports whether a message can name an id: if it stands there as it
// is, or if there are escapes under which it could hide.
func mayName(data []byte, id string) bool {
	return bytes.Contains(data, []byte(id)) || bytes.IndexByte(data, '\\') >= 0
}

// concerns reports whether an event is about the device, and says what it adds.
func (h *history) concerns(e *events.Event, n *HistoryEntry) bool {
	switch d := e.Data.(type) {
	case *events.Created:
		return true
	case *events.Fact:
		n.Channel, n.Reason = d.Channel, d.Reason
		return h.names(d.Channel, d.Devices)
	case *events.Command:
		n.Channel, n.Recall, n.Reason = d.Channel, d.Recall, d.Method
		return h.names(d.Channel, d.Devices)
	case *events.Outcome:
		n.Channel, n.Recall, n.Reason = d.Channel, d.Recall, d.Reason
		return h.names(d.Channel, d.Devices)
	case *events.Requested:
		n.Recall, n.Reason = d.Recall, d.Reason
		if d.Scope.Whole() || d.Scope.Device == h.device {
			h.recalls = append(h.recalls, d.Recall)
		}
		return slices.Contains(h.recalls, d.Recall)
	case *events.Closed:
		n.Recall, n.Reason = d.Recall, d.Reason
		return slices.Contains(h.recalls, d.Recall)
	case *events.Refused:
		n.Recall, n.Reason = d.First, d.Code
		return d.Scope.Whole() || d.Scope.Device == h.device
	}
	return false
}

func (h *history) names(channel string, devices []string) bool {
	return (h.channel == "" || h.channel == channel) && slices.Contains(devices, h.device)
}
