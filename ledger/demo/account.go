package demo

import (
	"context"
	"fmt"

	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/projections"
)

// findings are the differences between the ledger and the demo's own books.
type findings struct {
	list []string
	// more counts those beyond maxFindings.
	more int
}

// maxFindings is how many differences are said in words.
const maxFindings = 20

func (f *findings) none() bool { return len(f.list) == 0 }

func (f *findings) differ(format string, args ...any) {
	if len(f.list) == maxFindings {
		f.more++
		return
	}
	f.list = append(f.list, fmt.Sprintf(format, args...))
}

func (f *findings) equal(what string, ledger, demo uint32) {
	if ledger != demo {
		f.differ("%s: the ledger says %s, the demo %s", what, number(ledger), number(demo))
	}
}

// tally is what the account rests on, for people to read.
type tally struct {
	compared, devices, calls, touched int
	// lost are devices whose vendor obeyed just before a crash took the answer,
	// and who had clicked when the command came again.
	lost int
	// close is the longest time between the acknowledgement of a click and a
	// call prepared before it, closeCalls how many such calls there were.
	close      int64
	closeCalls int
	// violations are the calls for devices whose click stood in the log.
	violations int
	// spared is a device that clicked between the recall and its turn.
	spared spared
	// told are the devices whose click was reported after their vendor had
	// been called.
	told int
}

type spared struct{ channel, device string }

// account compares the ledger's account with the books.
func (p *play) account(ctx context.Context) error {
	if err := p.folded(ctx); err != nil {
		return err
	}
	push, err := p.client.Push(ctx, pushName, api.ReadOptions{})
	if err != nil {
		return err
	}
	recall, err := p.client.GetRecall(ctx, p.state.Recall)
	if err != nil {
		return err
	}
	p.checkFunnel(push)
	p.checkSums(recall)
	var t tally
	if err := p.checkDevices(ctx, &t); err != nil {
		return err
	}
	p.checkVendors(&t)
	if err := p.checkPhones(ctx); err != nil {
		return err
	}
	if err := p.checkOthers(ctx); err != nil {
		return err
	}
	positions, err := p.client.Positions(ctx)
	if err != nil {
		return err
	}
	for _, n := range positions.Partitions {
		if n.Stats.Quarantined > 0 {
			p.found.differ("%d events are in quarantine", n.Stats.Quarantined)
		}
	}
	p.show.account(p, push, recall)
	if err := p.receiptsOf(ctx, t.spared); err != nil {
		return err
	}
	p.show.verdict(p, recall, &t)
	return nil
}

// receiptsOf shows the history of a real device, and of one that clicked in time.
func (p *play) receiptsOf(ctx context.Context, spared spared) error {
	away := p.phones.list[phoneLosesLine].id
	a, err := p.client.Notification(ctx, pushName, away, selfbuilt.Channel, api.ReadOptions{})
	if err != nil {
		return err
	}
	p.show.receipts("8. What the log says of "+away+", which was away", a)
	if spared.device == "" {
		return nil
	}
	if a, err = p.client.Notification(ctx, pushName, spared.device, spared.channel, api.ReadOptions{}); err != nil {
		return err
	}
	p.show.receipts("   and of "+spared.device+", which clicked in time", a)
	return nil
}

// checkFunnel compares what happened to the push.
func (p *play) checkFunnel(push *projections.Push) {
	seen := map[string]bool{}
	for _, c := range push.Channels {
		lane, ok := p.campaign.lane(c.Channel)
		if !ok {
			continue
		}
		seen[c.Channel] = true
		n := p.books.counts(lane)
		for f := range facts {
			p.found.equal(c.Channel+": "+f.String(), c.Funnel[f.String()], n.facts[f])
		}
	}
	for _, l := range p.campaign.lanes {
		if l.count > 0 && !seen[l.channel] {
			p.found.differ("%s: the ledger knows nothing of it", l.channel)
		}
	}
}

// checkSums compares the recall's account per channel, and adds it up.
func (p *play) checkSums(r *projections.Recall) {
	var sum projections.RecallCounts
	for _, c := range r.Channels {
		sum = sum.Add(c.RecallCounts)
		if c.Planned+c.Late != c.Open()+c.Done() {
			p.found.differ("%s: %d planned and late, but %d open and done", c.Channel, c.Planned+c.Late, c.Open()+c.Done())
		}
		p.found.equal(c.Channel+": waiting or pending", c.Open(), 0)
		lane, ok := p.campaign.lane(c.Channel)
		if !ok {
			want := uint32(len(p.phones.list) - 1)
			p.found.equal(c.Channel+": planned", c.Planned, want)
			p.found.equal(c.Channel+": confirmed", c.Confirmed, want)
			continue
		}
		n := p.books.counts(lane)
		p.found.equal(c.Channel+": planned", c.Planned, n.planned)
		p.found.equal(c.Channel+": late", c.Late, n.late)
		if p.vendors.list[lane] == nil {
			p.found.equal(c.Channel+": unsupported", c.Unsupported, n.marked)
		}
	}
	if sum != r.Total {
		p.found.differ("the recall's total is not the sum of its channels")
	}
}

// checkDevices compares notification by notification.
func (p *play) checkDevices(ctx context.Context, t *tally) error {
	seen := make([]bool, p.campaign.devices)
	err := p.client.RecallDevices(ctx, p.state.Recall, api.RecallDevicesOptions{}, func(d api.RecallDevice) error {
		t.compared++
		lane, ok := p.campaign.lane(d.Channel)
		if !ok {
			return nil // the phones are looked at one by one
		}
		n, ok := p.campaign.number(lane, d.Device)
		switch {
		case !ok:
			p.found.differ("%s is in the recall and no device of the campaign", d.Device)
		case seen[n]:
			p.found.differ("%s is in the recall twice", d.Device)
		default:
			seen[n] = true
			p.checkDevice(n, lane, &d, t)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the recall's devices: %w", err)
	}
	for d, m := range p.books.marks {
		if m != unmarked && !seen[d] {
			p.found.differ("device %d holds the push and is not in the recall", d)
		}
	}
	return nil
}

// checkDevice compares one notification: how it came into the recall, what
// happened to it, and what came of its command.
func (p *play) checkDevice(n, lane int, d *api.RecallDevice, t *tally) {
	m := p.books.marks[n]
	if m == unmarked || (m == late) != d.Late {
		p.found.differ("%s: late is %t in the recall, in the demo's books it is %s", d.Device, d.Late, [...]string{"no holder", "planned", "late"}[m])
	}
	var had uint8
	for _, name := range d.Facts {
		for f := range facts {
			if f.String() == name {
				had |= 1 << f
			}
		}
	}
	if had != p.books.had[n] {
		p.found.differ("%s: the ledger knows %v, the demo reported %v", d.Device, d.Facts, names(p.books.had[n]))
	}
	left, answer := p.books.left(n), p.vendors.answers[n]
	wrong := false
	switch d.Outcome {
	case ledger.OutcomeUnsupported.String():
		wrong = p.vendors.list[lane] != nil
	case ledger.OutcomeAccepted.String():
		wrong = answer != accepted
	case ledger.OutcomeRefused.String():
		wrong = answer != refused
	case ledger.OutcomeSkipped.String():
		wrong = holds(p.books.had[n])
		if t.spared.device == "" && had&(1<<clicked) != 0 && m == planned && answer == never {
			t.spared = spared{d.Channel, d.Device}
		}
		if answer == accepted || answer == refused {
			// Only a crash can lose an answer.
			t.lost++
			wrong = wrong || p.state.Runs == 1
		}
	default:
		wrong = true
	}
	if wrong || !d.Commanded {
		p.found.differ("%s: the outcome is %s, its vendor says %s, clicked or cleared at %d", d.Device, d.Outcome,
			[...]string{"it was never called", "it gave no final answer", "accepted", "refused"}[answer], left.seq)
	}
}

func names(had uint8) []string {
	var list []string
	for f := range facts {
		if had&(1<<f) != 0 {
			list = append(list, f.String())
		}
	}
	return list
}

// maxBehind is how long after a click's acknowledgement a call may come that was
// prepared before it: what lies between is the time of a call's way.
const maxBehind = 2000

// checkVendors looks at what the vendors were asked: nobody outside the recall,
// nobody who had clicked (L7), nobody changed twice.
func (p *play) checkVendors(t *tally) {
	v := p.vendors
	for lane, w := range v.list {
		if w == nil {
			continue
		}
		l := &p.campaign.lanes[lane]
		devices, calls, touched, most := v.tally(lane)
		t.devices, t.calls, t.touched = t.devices+devices, t.calls+calls, t.touched+touched
		obeyed := 0
		for n := l.first; n < l.first+l.count; n++ {
			if v.answers[n] == accepted {
				obeyed++
			}
			if v.calls[n] > 0 {
				p.checkCall(n, lane, t)
			}
		}
		if most > 1 {
			p.found.differ("%s: a phone was changed %d times", l.channel, most)
		}
		if touched < obeyed {
			p.found.differ("%s: the vendor accepted for %d phones and changed %d", l.channel, obeyed, touched)
		}
	}
}

// checkCall looks at the last call for a device.
func (p *play) checkCall(n, lane int, t *tally) {
	v := p.vendors
	name := p.campaign.name(lane, n)
	if p.books.marks[n] == unmarked {
		p.found.differ("%s was called and is no holder", name)
	}
	left := p.books.left(n)
	switch {
	case left.seq == 0:
	case left.seq <= v.asOf[n]:
		t.violations++
		p.found.differ("%s was called although its click or clear stood at %d and the call had looked up to %d", name, left.seq, v.asOf[n])
	case left.at < v.at[n]:
		t.closeCalls++
		t.close = max(t.close, v.at[n]-left.at)
		if v.at[n]-left.at > maxBehind {
			p.found.differ("%s was called %d ms after its click was acknowledged", name, v.at[n]-left.at)
		}
	default:
		t.told++
	}
}

// checkPhones looks at the real devices: their screens, and what the ledger says.
func (p *play) checkPhones(ctx context.Context) error {
	for i, f := range p.phones.list {
		if f.shows(pushName) {
			p.found.differ("%s still shows the push", f.id)
		}
		a, err := p.client.Notification(ctx, pushName, f.id, selfbuilt.Channel, api.ReadOptions{})
		if err != nil {
			return err
		}
		if len(a.Notifications) != 1 {
			p.found.differ("%s has %d notifications of the push", f.id, len(a.Notifications))
			continue
		}
		n := a.Notifications[0]
		confirmed := len(n.Recalls) == 1 && n.Recalls[0].Outcome == ledger.OutcomeConfirmed.String()
		switch {
		case i == phoneClicks:
			if len(n.Recalls) != 0 {
				p.found.differ("%s clicked and is in the recall", f.id)
			}
		case !confirmed:
			p.found.differ("%s did not confirm the recall", f.id)
		case i == phoneComesLater && (f.saw(pushName) || knows(a.History, events.DisplayShown)):
			p.found.differ("%s connected after the recall and showed the push", f.id)
		}
	}
	return nil
}

func knows(list []api.HistoryEntry, k events.Kind) bool {
	for _, h := range list {
		if h.Kind == k {
			return true
		}
	}
	return false
}
