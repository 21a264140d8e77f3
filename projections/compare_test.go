package projections

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// comparison holds a projection against the model of the same events.
type comparison struct {
	t tester
	p *Projection
	m *model
}

// compare asks the projection everything there is to ask.
func compare(t tester, p *Projection, m *model) {
	t.Helper()
	c := comparison{t, p, m}
	c.same("applied", p.Applied().Seq, m.applied)
	c.quarantined()
	var stats Stats
	for _, a := range m.apps {
		stats.Apps++
		stats.Pushes += uint64(len(a.pushes))
		for _, d := range a.devices {
			stats.Devices += uint64(len(d))
		}
		for _, u := range a.pushes {
			stats.Notifications += uint64(len(u.notifications))
		}
	}
	got := p.Stats()
	c.same("stats", Stats{Apps: got.Apps, Pushes: got.Pushes, Devices: got.Devices, Notifications: got.Notifications}, stats)
	c.same("apps", p.Apps(), append([]string{}, slices.Sorted(maps.Keys(m.apps))...))
	c.work()
	empty := newModel()
	empty.apps["nobody"] = &modelApp{}
	for name, a := range m.apps {
		c.app(name, a)
	}
	c.app("nobody", empty.apps["nobody"])
}

// same fails unless two values are equal.
func (c comparison) same(what string, got, want any) {
	c.t.Helper()
	if reflect.DeepEqual(got, want) {
		return
	}
	diff := gocmp.Diff(got, want, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Device{}, "Cursor"))
	if diff != "" {
		c.t.Fatalf("%s (-projection +model):\n%s", what, diff)
	}
}

// ok fails on an error.
func (c comparison) ok(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("query: %v", err)
	}
}

func (c comparison) quarantined() {
	var got []events.Seq
	g := Page{Limit: 3}
	for {
		list, next, total, err := c.p.Quarantined(g)
		c.ok(err)
		c.same("number of quarantined events", total, uint64(len(c.m.quarantined)))
		for _, q := range list {
			got = append(got, q.Position.Seq)
		}
		if g.Cursor = next; next == "" {
			break
		}
	}
	slices.Reverse(got)
	c.same("quarantined", got, c.m.quarantined)
}

// work compares what is owed and what is open, over all apps.
func (c comparison) work() {
	var owed, open []Work
	for name, a := range c.m.apps {
		for _, u := range a.pushes {
			for _, r := range u.recalls {
				w := u.work(name, r)
				if len(w.Due) > 0 {
					owed = append(owed, w)
				}
				if r.state == "running" {
					open = append(open, w)
				}
			}
		}
	}
	sorted := func(list []Work) []Work {
		slices.SortFunc(list, func(a, b Work) int { return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.Recall, b.Recall)) })
		for i := range list {
			slices.SortFunc(list[i].Due, func(a, b DueChannel) int { return cmp.Compare(a.Channel, b.Channel) })
		}
		return list
	}
	got, err := c.p.Owed()
	c.ok(err)
	c.same("owed", sorted(got), sorted(owed))
	got, err = c.p.Open()
	c.ok(err)
	c.same("open", sorted(got), sorted(open))
}

func (c comparison) app(name string, a *modelApp) {
	for _, k := range []string{"key-0", "key-1", "key-2", "free"} {
		got, err := c.p.Key(name, k)
		c.ok(err)
		var want *events.Key
		if claimed, ok := a.keys[k]; ok {
			want = &claimed
		}
		c.same("key "+k, got, want)
	}
	var pushes []Push
	g := Page{Limit: 2}
	for {
		list, next, err := c.p.Pushes(name, g, epoch)
		c.ok(err)
		pushes = append(pushes, list...)
		if g.Cursor = next; next == "" {
			break
		}
	}
	slices.Reverse(pushes)
	var ids []string
	for i := range pushes {
		ids = append(ids, pushes[i].Push)
	}
	c.same("pushes of "+name, ids, a.order)
	for i, id := range a.order {
		c.push(name, a, a.pushes[id], pushes[i])
	}
	c.unknown(name)
	c.recalls(name, a)
	c.devices(name, a)
}

// unknown asks for a push and a recall that do not exist.
func (c comparison) unknown(name string) {
	v, err := c.p.Push(name, "unknown", epoch)
	c.ok(err)
	c.same("unknown push", v, (*Push)(nil))
	known, err := c.p.EachHolder(ctx(), name, "unknown", Holders{}, nil)
	c.ok(err)
	c.same("unknown push has holders", known, false)
	r, err := c.p.Recall(name, "unknown")
	c.ok(err)
	c.same("unknown recall", r, (*Recall)(nil))
	known, err = c.p.EachRecalled(ctx(), name, "unknown", "", "", nil)
	c.ok(err)
	c.same("unknown recall has devices", known, false)
	s, err := c.p.State(name, "unknown", events.Scope{})
	c.ok(err)
	c.same("unknown state", s, State{})
	t, err := c.p.Targets(name, "unknown", channels.Recall, events.Scope{})
	c.ok(err)
	c.same("unknown targets", t, []Target(nil))
	touches, _, err := c.p.Touches(name, "unknown", "fcm", []string{"d1"})
	c.ok(err)
	c.same("unknown touches", touches, []Touch(nil))
}

func (c comparison) push(name string, a *modelApp, u *modelPush, listed Push) {
	want := a.push(name, u, epoch)
	got, err := c.p.Push(name, u.id, epoch)
	c.ok(err)
	c.same("push listed", listed, *got)
	for i := range got.Recalls {
		c.quantiles(&got.Recalls[i], &want.Recalls[i])
	}
	c.same("push "+u.id, *got, want)
	first, last, err := c.p.PushBounds(name, u.id)
	c.ok(err)
	c.same("bounds", []events.Seq{first, last}, []events.Seq{u.first, u.last})

	all := a.eachNotification(u)
	c.same("notifications", c.collect(func(f func(Device) error) (bool, error) {
		return c.p.EachNotification(ctx(), name, u.id, "", "", f)
	}), all)
	for _, channel := range append([]string{""}, a.channels...) {
		for _, certainty := range []string{"", "certain", "possible"} {
			c.same(fmt.Sprintf("holders of %s on %q, %q", u.id, channel, certainty), c.collect(func(f func(Device) error) (bool, error) {
				return c.p.EachHolder(ctx(), name, u.id, Holders{Channel: channel, Certainty: certainty}, f)
			}), only(all, func(d Device) bool {
				return d.Certainty != "" && (channel == "" || d.Channel == channel) && (certainty == "" || d.Certainty == certainty)
			}))
		}
		fence, err := c.p.LastCommand(name, u.id, channel)
		c.ok(err)
		c.same("fence", fence, u.commands[channel])
	}
	c.scopes(name, a, u)
}

// collect gathers what a list gives out.
func (c comparison) collect(each func(func(Device) error) (bool, error)) []Device {
	var list []Device
	known, err := each(func(d Device) error {
		d.Cursor = ""
		list = append(list, d)
		return nil
	})
	c.ok(err)
	if !known {
		c.t.Fatalf("a push or recall of the model is not known")
	}
	return list
}

func only(list []Device, keep func(Device) bool) []Device {
	var kept []Device
	for _, d := range list {
		if keep(d) {
			kept = append(kept, d)
		}
	}
	return kept
}

// scopes compares what decisions and previews ask, for every kind of scope.
func (c comparison) scopes(name string, a *modelApp, u *modelPush) {
	scopes := []events.Scope{{}, {User: "u1"}, {User: "unknown"}, {Device: "unknown"}}
	for _, n := range sample(a) {
		scopes = append(scopes, events.Scope{Device: n.device}, events.Scope{Device: n.device, Channel: n.channel})
	}
	for _, s := range scopes {
		got, err := c.p.State(name, u.id, s)
		c.ok(err)
		c.same("state", got, a.state(u, s))
		for _, action := range channels.Actions() {
			targets, err := c.p.Targets(name, u.id, action, s)
			c.ok(err)
			slices.SortFunc(targets, func(x, y Target) int {
				return cmp.Compare(slices.Index(a.channels, x.Channel), slices.Index(a.channels, y.Channel))
			})
			c.same(fmt.Sprintf("targets of %s in %+v", action, s), targets, a.targets(u, string(action), s))
		}
	}
	for _, n := range sample(a) {
		for _, channel := range []string{n.channel, ""} {
			got, err := c.p.Notifications(name, u.id, channel, n.device)
			c.ok(err)
			var want []Notification
			for _, at := range a.spots(func(o spot) bool { return o.device == n.device && (channel == "" || o.channel == channel) }) {
				if u.notifications[at] != nil {
					want = append(want, a.notification(name, u, at))
				}
			}
			c.same("notifications of "+n.device, got, want)
		}
	}
}

// sample are the devices to ask for one by one: all of a few, or else those at
// the borders of pages.
func sample(a *modelApp) []spot {
	var list []spot
	for _, channel := range a.channels {
		d := a.devices[channel]
		for i := range d {
			if len(d) <= 12 || i < 2 || i >= len(d)-2 || i%tokensPerPage < 1 && i < 600 || i%pageSize < 1 || i%pageSize >= pageSize-1 {
				list = append(list, spot{channel, d[i]})
			}
		}
	}
	return list
}

func (c comparison) recalls(name string, a *modelApp) {
	var got []Recall
	g := Page{Limit: 2}
	for {
		list, next, err := c.p.Recalls(name, g)
		c.ok(err)
		got = append(got, list...)
		if g.Cursor = next; next == "" {
			break
		}
	}
	var ids []string
	for i := range got {
		ids = append(ids, got[i].Recall)
	}
	want := slices.Sorted(maps.Keys(a.recalls))
	slices.Reverse(want)
	c.same("recalls", ids, want)
	for i, id := range want {
		u := a.recalls[id]
		c.recall(name, a, u, u.find(id), got[i])
	}
}

func (c comparison) recall(name string, a *modelApp, u *modelPush, r *modelRecall, listed Recall) {
	got, err := c.p.Recall(name, r.Recall)
	c.ok(err)
	c.same("recall listed", listed, *got)
	state, mine, err := c.p.RecallState(name, r.Recall)
	c.ok(err)
	want := a.state(u, events.Scope{}).Push
	c.same("recall state", *state, want)
	c.same("recall state", *mine, *want.Find(r.Recall))
	for _, outcome := range append([]string{"", "pending"}, ranks...) {
		c.same("recalled "+outcome, c.collect(func(f func(Device) error) (bool, error) {
			return c.p.EachRecalled(ctx(), name, r.Recall, outcome, "", f)
		}), a.eachRecalled(u, r, outcome))
	}
	for _, channel := range append([]string{"unknown"}, a.channels...) {
		c.due(name, a, u, r, channel)
	}
}

func (c comparison) due(name string, a *modelApp, u *modelPush, r *modelRecall, channel string) {
	var devices, planned, late []string
	var touches []Touch
	for _, n := range a.spots(func(n spot) bool { return n.channel == channel }) {
		devices = append(devices, n.device)
		t := Touch{Facts: factSet(u.notifications[n])}
		if mark := r.marks[n]; mark != nil {
			t.Mark = mark.stored()
			switch {
			case mark.commanded:
			case mark.late:
				late = append(late, n.device)
			default:
				planned = append(planned, n.device)
			}
		}
		touches = append(touches, t)
	}
	gotPlanned, gotLate, err := c.p.DueDevices(name, r.Recall, channel, 1<<20)
	c.ok(err)
	c.same("due on "+channel, [][]string{gotPlanned, gotLate}, [][]string{planned, late})
	gotPlanned, gotLate, err = c.p.DueDevices(name, r.Recall, channel, 2)
	c.ok(err)
	c.same("number due within 2", len(gotPlanned)+len(gotLate), min(len(planned)+len(late), 2))
	got, state, err := c.p.Touches(name, r.Recall, channel, append(devices, "never-named"))
	c.ok(err)
	c.same("touches on "+channel, got, append(touches, Touch{}))
	c.same("state in touches", state, ledger.RecallState(r.state))
}

// quantiles checks that the times of a recall are upper bounds within a quarter
// doubling of the exact ones, and puts the exact ones in their place.
func (c comparison) quantiles(got, want *Recall) {
	slices.SortFunc(got.Channels, func(a, b RecallChannel) int { return strings.Compare(a.Channel, b.Channel) })
	for i := range got.Channels {
		g, w := &got.Channels[i], &want.Channels[i]
		for _, q := range []struct{ got, want *int64 }{{&g.T50, &w.T50}, {&g.T95, &w.T95}, {&g.T99, &w.T99}} {
			if *q.got < *q.want || float64(*q.got) > 1.25*float64(*q.want) {
				c.t.Fatalf("time %d ms is no upper bound within a quarter of the exact %d ms", *q.got, *q.want)
			}
			*q.got = *q.want
		}
	}
}

func (c comparison) devices(name string, a *modelApp) {
	for _, held := range []bool{true, false} {
		for _, user := range []string{"u1", "u2", "u3", "unknown"} {
			got, err := c.p.UserNotifications(name, user, held)
			c.ok(err)
			c.same("user "+user, got, a.memberNotifications(name, events.Scope{User: user}, held))
		}
		for _, n := range append(sample(a), spot{"", "d1"}, spot{"unknown", "d1"}) {
			got, err := c.p.DeviceNotifications(name, n.channel, n.device, held)
			c.ok(err)
			c.same("device "+n.device, got, a.memberNotifications(name, events.Scope{Device: n.device, Channel: n.channel}, held))
		}
	}
}
