package projections

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/recall-ledger/recall-ledger/events"
)

// The order and number of facts between two decisions change neither what is
// known of a notification, nor counters, nor the plan of the first recall (L4);
// and in every order a recall that watches forgets nobody (L8). Which facts come
// late does depend on their order: who clicks first was never a holder.
func TestOrderOfFacts(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		h := drawHistory(r, scales(r), true)
		seed := rapid.Uint64().Draw(r, "order")
		shuffled := shuffle(h, rand.New(rand.NewPCG(seed, 0)))
		p := shuffled.open(shuffled.config(vfs.NewMem()))
		defer closeNow(r, p)
		shuffled.catchUp(p)
		sameFacts(r, p, h.model(0))
		forgetsNobody(r, p, shuffled.model(0), shuffled.now)
	})
}

// shuffle writes the log anew: between decisions the facts come in another
// order and some come twice. Times are those of the places, not of the facts.
func shuffle(h *history, rng *rand.Rand) *fixture {
	f := newFixture(h.t)
	var facts []events.Message
	write := func(m events.Message) {
		e, err := events.Decode(m.Data)
		if err != nil {
			h.t.Fatal(err)
		}
		f.raw(subjectOf(e), m.Data) // m.Subject is the one it is stored under
	}
	flush := func() {
		rng.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
		for i := range facts {
			write(facts[i])
			if rng.IntN(4) == 0 {
				write(facts[rng.IntN(i+1)])
			}
		}
		facts = facts[:0]
	}
	for _, m := range h.log.Messages() {
		if strings.HasPrefix(m.Subject, "recall.fact.") {
			facts = append(facts, m)
			continue
		}
		flush()
		f.now = m.Time
		write(m)
	}
	flush()
	f.now = f.now.Add(time.Hour)
	return f
}

// sameFacts compares what the facts alone determine.
func sameFacts(t tester, p *Projection, m *model) {
	c := comparison{t, p, m}
	byName := func(list []Device) []Device {
		slices.SortFunc(list, func(a, b Device) int {
			return strings.Compare(a.Channel+"/"+a.Device, b.Channel+"/"+b.Device)
		})
		return list
	}
	for name, a := range m.apps {
		for id, u := range a.pushes {
			got := must(p.Push(name, id, epoch))(t)
			want := a.push(name, u, epoch)
			slices.SortFunc(got.Channels, func(a, b PushChannel) int { return strings.Compare(a.Channel, b.Channel) })
			slices.SortFunc(want.Channels, func(a, b PushChannel) int { return strings.Compare(a.Channel, b.Channel) })
			c.same("funnel of "+id, got.Channels, want.Channels)
			c.same("status of "+id, got.Status, want.Status)
			c.same("notifications of "+id, byName(c.collect(func(f func(Device) error) (bool, error) {
				return p.EachNotification(ctx(), name, id, "", "", f)
			})), byName(a.eachNotification(u)))
			for i := range min(1, len(want.Recalls)) {
				c.same("plan", got.Recalls[i].Total.Planned, want.Recalls[i].Total.Planned)
			}
		}
	}
}

// forgetsNobody checks that every holder in the scope of a recall that watches
// is marked by that one or an equal one.
func forgetsNobody(t tester, p *Projection, m *model, now time.Time) {
	for name, a := range m.apps {
		for id, u := range a.pushes {
			for _, r := range u.recalls {
				if r.state != "running" || !now.Before(r.Deadline) {
					continue
				}
				targets, err := p.Targets(name, id, "recall", r.Scope)
				if err != nil {
					t.Fatal(err)
				}
				for _, left := range targets {
					if n := left.Certain + left.Possible; r.Action == "recall" && r.Scope.User == "" && n > 0 {
						t.Fatalf("recall %s of %s has forgotten %d holders on %s", r.Recall, id, n, left.Channel)
					}
				}
			}
		}
	}
}
