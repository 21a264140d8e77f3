package export

import (
	"encoding/json"
	"fmt"

	"github.com/recall-ledger/recall-ledger/events"
)

// rows returns the rows of an event.
func rows(e Entry) ([]Event, error) {
	v := e.Event
	base := Event{
		Partition: int32(e.Position.Partition), Seq: int64(e.Position.Seq), Stored: e.Stored.UTC(), Time: v.Time.UTC(), ID: v.ID,
		Kind: string(v.Kind), Family: string(v.Kind.Family()), App: v.App, Push: v.Push, Channel: noChannel,
	}
	var devices, users []string
	switch d := v.Data.(type) {
	case *events.Fact:
		base.Channel, base.Send, base.Reason = d.Channel, d.Send, d.Reason
		devices, users = d.Devices, d.Users
	case *events.Command:
		base.Channel, base.Recall, base.Action, base.Method = d.Channel, d.Recall, d.Action, d.Method
		base.Late, base.Redrive = d.Late, d.Redrive
		devices = d.Devices
	case *events.Outcome:
		base.Channel, base.Recall, base.Reason = d.Channel, d.Recall, d.Reason
		base.Command, base.Attempt = int64(d.Command), int32(d.Attempt)
		devices = d.Devices
	case *events.Requested:
		base.Recall, base.Action, base.Reason = d.Recall, d.Action, d.Reason
		base.scope(d.Scope)
	case *events.Refused:
		base.Recall, base.Action, base.Reason = d.First, d.Action, d.Code
		base.scope(d.Scope)
	case *events.Closed:
		base.Recall, base.Reason = d.Recall, d.Reason
	}
	if devices == nil {
		return base.alone(e)
	}
	list := make([]Event, len(devices))
	for i, device := range devices {
		list[i] = base
		list[i].Device = device
		if len(users) > 0 {
			list[i].User = users[i]
		}
	}
	return list, nil
}

// scope notes whom a decision concerns.
func (r *Event) scope(s events.Scope) {
	r.Device, r.User = s.Device, s.User
	if s.Channel != "" {
		r.Channel = s.Channel
	}
}

// alone is the row of an event without devices.
func (r Event) alone(e Entry) ([]Event, error) {
	if e.Event.Kind == events.KeyClaimed {
		return []Event{r}, nil // who knows a key can ask for its answer
	}
	var body struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(e.Raw, &body); err != nil {
		return nil, fmt.Errorf("position %s: %w", e.Position, err)
	}
	r.Data = string(body.Data)
	return []Event{r}, nil
}
