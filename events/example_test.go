package events_test

import (
	"context"
	"fmt"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/memlog"
)

// A service tells the ledger what it sends and asks before each hand-over.
func ExamplePublisher() {
	log := memlog.New(memlog.Config{}) // a real service opens events/jetstream
	committer := events.NewCommitter(events.CommitterConfig{Log: log})
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	done := make(chan error)
	go func() { done <- committer.Run(ctx) }()

	p, err := events.NewPublisher(events.PublisherConfig{Log: log, Committer: committer, App: "shop"})
	if err != nil {
		fmt.Println(err)
		return
	}
	at := time.Date(2026, 11, 20, 9, 41, 0, 0, time.UTC)
	pos, err := p.Publish(ctx, &events.Event{
		Header: events.Header{Kind: events.PushCreated, Push: "order-4711", Time: at},
		Data:   &events.Created{Title: "Autumn sale", Audience: events.Audience{Kind: events.AudienceAll}, Slot: "sale"},
	})
	fmt.Println("created at", pos, err)

	open, _, err := p.Gate(ctx, "order-4711", "device-a", "apns", "")
	fmt.Println("may send:", open, err)
	pos, err = p.Facts(ctx, events.PushSent, "order-4711", "apns", at, []string{"device-a", "device-b"})
	fmt.Println("sent at", pos, err)

	stop()
	fmt.Println("stopped:", <-done)
	// Output:
	// created at 0-1 <nil>
	// may send: true <nil>
	// sent at 0-2 <nil>
	// stopped: <nil>
}
