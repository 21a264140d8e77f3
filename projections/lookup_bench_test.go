package projections

import (
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// BenchmarkLookup asks for one thing of a projection that holds a push at a
// million devices.
func BenchmarkLookup(b *testing.B) {
	f, p := million(b)
	now := f.now
	for name, ask := range map[string]func(i int) (bool, error){
		"notification": func(i int) (bool, error) {
			list, err := p.Notifications(testApp, "big", "fcm", token(i%1_000_000))
			return len(list) == 1, err
		},
		"push": func(int) (bool, error) {
			u, err := p.Push(testApp, "big", now)
			return u != nil, err
		},
		"targets": func(int) (bool, error) {
			list, err := p.Targets(testApp, "big", channels.Recall, events.Scope{})
			return len(list) == 1, err
		},
		"state": func(int) (bool, error) {
			s, err := p.State(testApp, "big", events.Scope{})
			return s.Push.Known(), err
		},
		"unknown key": func(int) (bool, error) {
			k, err := p.Key(testApp, "order-4711")
			return k == nil, err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if ok, err := ask(i * 7919); err != nil || !ok {
					b.Fatal(ok, err)
				}
			}
		})
	}
}

// BenchmarkCeilingGet is the ceiling of every lookup: a plain row by its key.
func BenchmarkCeilingGet(b *testing.B) {
	c, err := OpenCeiling(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	if err := c.Put(0, 1_000_000); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if ok, err := c.Get(i * 7919 % 1_000_000); err != nil || !ok {
			b.Fatal(ok, err)
		}
	}
}
