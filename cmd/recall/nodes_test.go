package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// TestGathered: what nodes say and what the leases say is one line for each node, also
// for one that does not answer and for one whose presence is not stored yet.
func TestGathered(t *testing.T) {
	at := time.Date(2026, 11, 20, 9, 41, 0, 0, time.UTC)
	got := gathered(
		[]jetstream.Member{{Node: "b", Since: at, Info: "10.0.0.2:8080"}, {Node: "a", Since: at}},
		[]jetstream.Lease{
			{Name: "channel-fcm-1", Node: "b"}, {Name: "planner-0", Node: "a"}, {Name: "planner-1", Node: "b"}, {Name: "watch", Node: "a"},
		},
		[]jetstream.Instance{
			{ID: "x", Version: "0.0.0", Metadata: map[string]string{"node": "b", "version": "(devel)"}, Subjects: []string{
				"recall.query.1.push", "recall.query.0.push", "recall.query.1.pushes", "recall.command.1.redrive", "recall.query.x",
			}},
			{ID: "y", Version: "1.2.3"},
		})
	want := nodeList{Nodes: []nodeShown{
		{Node: "a", Since: at, Serves: []int{}, Plans: []string{"0"}, Channels: []string{}, Watches: true},
		{Node: "b", Since: at, Address: "10.0.0.2:8080", Version: "(devel)", Serves: []int{0, 1}, Plans: []string{"1"}, Channels: []string{"fcm-1"}},
		{Node: "y", Version: "1.2.3", Plans: []string{}, Channels: []string{}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
