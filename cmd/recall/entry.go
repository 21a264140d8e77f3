package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// printEntry prints one entry of the log in a form; marks and the end print
// nothing.
func printEntry(out *lineStream, e api.LogEntry, form string) error {
	if e.Unreadable != "" {
		if form == formClouds {
			out.p.note("Position %s holds an event that cannot be read: %s", e.Position, e.Unreadable)
			return nil
		}
		return out.entry(e, e.Position.String(), instant(e.Stored), "unreadable", "", "", e.Unreadable)
	}
	if e.Event == nil {
		return nil
	}
	if form == formJSON {
		return out.entry(e)
	}
	v, err := events.Decode(e.Event)
	if err != nil {
		return fmt.Errorf("position %s: %w", e.Position, err)
	}
	if form == formClouds {
		c, err := toCloud(v, e)
		if err != nil {
			return err
		}
		return out.entry(c)
	}
	channel, detail := describe(v)
	return out.entry(nil, e.Position.String(), instant(e.Stored), string(v.Kind), v.Push, channel, detail)
}

// cloudEvent is an event as a CloudEvent 1.0 in structured mode; position and
// stored are extensions, traceparent is that of Distributed Tracing. POST /v1/events takes the public kinds back.
type cloudEvent struct {
	SpecVersion string          `json:"specversion"`
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	Type        events.Kind     `json:"type"`
	Subject     string          `json:"subject"`
	Time        time.Time       `json:"time"`
	ContentType string          `json:"datacontenttype"`
	Position    events.Position `json:"position"`
	Stored      time.Time       `json:"stored"`
	TraceParent string          `json:"traceparent,omitempty"`
	Data        json.RawMessage `json:"data"`
}

func toCloud(v *events.Event, e api.LogEntry) (*cloudEvent, error) {
	var raw struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(e.Event, &raw); err != nil {
		return nil, fmt.Errorf("position %s: %w", e.Position, err)
	}
	c := &cloudEvent{
		SpecVersion: "1.0", ID: v.ID, Source: "/apps/" + v.App, Type: v.Kind, Subject: v.Push, Time: v.Time.UTC(),
		ContentType: api.TypeJSON, Position: e.Position, Stored: e.Stored, TraceParent: v.Trace, Data: raw.Data,
	}
	if c.ID == "" {
		// The specification wants one, and a position is unique.
		c.ID = e.Position.String()
	}
	return c, nil
}

// describe says in few words what an event tells.
func describe(e *events.Event) (channel, detail string) {
	switch d := e.Data.(type) {
	case *events.Created:
		return "", words(string(d.Audience.Kind), d.Title)
	case *events.Fact:
		return d.Channel, words(some(d.Devices), d.Reason)
	case *events.Command:
		return d.Channel, words(d.Method, some(d.Devices))
	case *events.Outcome:
		return d.Channel, words(some(d.Devices), d.Reason)
	case *events.Requested:
		return d.Scope.Channel, words(d.Action, d.Recall, d.Reason)
	case *events.Refused:
		return d.Scope.Channel, words(d.Action, d.Code)
	case *events.Closed:
		return "", words(d.Recall, d.Reason)
	}
	return "", ""
}

// someDevices is how many devices are named in a line.
const someDevices = 3

func some(devices []string) string {
	if len(devices) <= someDevices {
		return strings.Join(devices, " ")
	}
	return fmt.Sprintf("%s and %s more", strings.Join(devices[:someDevices], " "), number(len(devices)-someDevices))
}
