package logtest

import (
	"testing"

	"github.com/recall-ledger/recall-ledger/events"
)

// Record returns an event as a log takes it, under the subject where readers look
// for it. An event that no reader takes fails the test.
func Record(t testing.TB, partition int, e *events.Event) events.Record {
	t.Helper()
	if err := events.Check(e); err != nil {
		t.Fatal(err)
	}
	data, err := events.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	channel := ""
	switch d := e.Data.(type) {
	case *events.Command:
		channel = d.Channel
	case *events.Key:
		return events.Record{Subject: events.KeySubject(partition, e.App, d.Key), Data: data}
	}
	return events.Record{Subject: events.Subject(partition, e.App, e.Kind, e.Push, channel), Data: data}
}

// Append stores one event and returns where it stands.
func Append(t testing.TB, log events.Log, e *events.Event) events.Position {
	t.Helper()
	pos, err := log.Append(t.Context(), []events.Record{Record(t, log.Partition(), e)})
	if err != nil {
		t.Fatal(err)
	}
	return pos
}
