package showcase

import (
	"fmt"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// plot is what is played in a round.
type plot struct {
	push    string
	profile string
	// on are the channels; none means all.
	on      []string
	request api.RecallRequest
}

// The texts of the pushes. Their titles are short and their bodies plain, so that
// every vendor takes them.
const (
	oldTitle, oldBody = "Flash sale", "Everything 90 % off"
	newTitle, newBody = "Correction", "Everything 9 % off"
)

// recalled is a push that is taken back wherever that is possible.
func recalled() plot {
	return plot{push: "flash-sale", request: recallOf("flash-sale")}
}

func recallOf(push string) api.RecallRequest {
	whole := true
	return api.RecallRequest{Push: push, Action: channels.Recall, Reason: "wrong price", WholeSends: &whole}
}

// overridden is a push that another one replaces, shown beside it where a channel
// cannot replace.
func overridden() plot {
	whole := true
	return plot{push: "night-sale", request: api.RecallRequest{
		Push: "night-sale", Action: channels.Override, Reason: "wrong price", WholeSends: &whole,
		Replacement: &events.Replacement{Push: "night-sale-corrected", Title: newTitle, Body: newBody, Force: true},
	}}
}

// role is what happens to a device before the recall.
type role struct {
	// facts are reported in this order, after push.sent.
	facts []events.Kind
	// away devices are switched off until the recall is carried out.
	away bool
	// gone devices lost the app, and with it the notification and the token.
	gone bool
}

// clicks reports whether the user clicked.
func (r role) clicks() bool {
	return len(r.facts) > 0 && r.facts[len(r.facts)-1] == events.ClickClicked
}

// roles are those of the devices of each channel: two that are known to show the
// push, one whose user clicked, one that is switched off, and one of which nothing
// is known but the delivery.
func (v vendor) roles() []role {
	shown := []events.Kind{events.DeliveryDelivered, events.DisplayShown}
	list := []role{
		{facts: shown}, {facts: shown}, {facts: append(shown[:2:2], events.ClickClicked)},
		{away: true}, {facts: shown[:1]},
	}
	if v.dead {
		list = append(list, role{facts: shown, gone: true})
	}
	return list
}

// actor is a device in its role.
type actor struct {
	role
	device string
	// changes is how often its screen had changed when the recall came.
	changes int
	// outcome is what the ledger says came of its command, "" for none.
	outcome string
}

// perRound is how many devices a lane has for each round.
const perRound = 10

// scene is a push in play: its plot, the slot the ledger gave, and the devices it
// went to.
type scene struct {
	plot
	slot  string
	round int
	cast  map[string][]*actor // by channel
	// strangers are entries of the recall for devices that are not in the cast, or
	// are there twice.
	strangers int
}

// send is the vendor's id of the scene's send on a lane, "" where there is none.
func (c *scene) send(l *lane) string {
	if !l.row.NeedsSend {
		return ""
	}
	return fmt.Sprintf("%s%03d", l.send, c.round)
}

// id is under what a lane's screens show the scene's push.
func (c *scene) id(l *lane) string {
	if l.row.NeedsSend && !l.row.NeedsSlot {
		return c.send(l)
	}
	return c.slot
}
