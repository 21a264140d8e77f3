package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// pushState is where a push stands, in words; age is the time since it started.
type pushState struct {
	name                string
	unknown             bool
	created, scheduled  bool
	started             bool
	age                 time.Duration
	beyond, beyondShort bool // the window of 7 days, of 1 day
}

func pushStates() []pushState {
	return []pushState{
		{name: "unknown", unknown: true},
		{name: "scheduled future", created: true, scheduled: true, age: -time.Hour},
		{name: "scheduled future, started early", created: true, scheduled: true, started: true, age: -time.Hour},
		{name: "scheduled now", created: true, scheduled: true, age: 0},
		{name: "scheduled past", created: true, scheduled: true, age: time.Hour},
		{name: "scheduled past, sent", created: true, scheduled: true, started: true, age: time.Hour},
		{name: "sending", created: true, age: time.Hour},
		{name: "sent", created: true, started: true, age: time.Hour},
		{name: "facts only", started: true, age: time.Hour},
		{name: "a day old", created: true, started: true, age: Day, beyondShort: true},
		{name: "a nanosecond under a day", created: true, started: true, age: Day - 1},
		{name: "two days old", created: true, started: true, age: 2 * Day, beyondShort: true},
		{name: "seven days old", created: true, started: true, age: 7 * Day, beyondShort: true, beyond: true},
		{name: "never sent, eight days old", created: true, scheduled: true, age: 8 * Day, beyondShort: true, beyond: true},
	}
}

func (s pushState) push(profile string, audience events.AudienceKind) *Push {
	p := &Push{}
	if s.unknown {
		return p
	}
	p.First, p.Started = noon.Add(-s.age), s.started
	if s.created {
		p.Created = &events.Created{Profile: profile, Audience: events.Audience{Kind: audience}}
	}
	if s.scheduled {
		at := noon.Add(-s.age)
		p.First, p.Created.ScheduleAt = noon.Add(-9*Day), &at
	}
	return p
}

// earlier is a recall accepted before.
type earlier struct {
	action channels.Action
	scope  string
	state  RecallState
}

var scopes = map[string]events.Scope{
	"all": {}, "d1": {Device: "d1"}, "d1 on fcm": {Device: "d1", Channel: "fcm"}, "d1 on apns": {Device: "d1", Channel: "apns"},
	"d2": {Device: "d2"}, "u1": {User: "u1"}, "u2": {User: "u2"},
}

// within lists what lies within a scope, itself included.
var within = map[string][]string{
	"all": {"all", "d1", "d1 on fcm", "d1 on apns", "d2", "u1", "u2"}, "d1": {"d1", "d1 on fcm", "d1 on apns"},
	"d1 on fcm": {"d1 on fcm"}, "d1 on apns": {"d1 on apns"}, "d2": {"d2"}, "u1": {"u1"}, "u2": {"u2"},
}

// bars lists what an accepted action bars from then on.
var bars = map[channels.Action][]channels.Action{
	channels.Cancel:    {channels.Cancel},
	channels.Terminate: {channels.Cancel, channels.Terminate},
	channels.Recall:    {channels.Cancel, channels.Terminate, channels.Recall, channels.Override},
	channels.Override:  {channels.Cancel, channels.Terminate, channels.Recall, channels.Override},
}

// expected is the answer to a request, written from the words of the contract.
func expected(s pushState, a channels.Action, scope, profile string, audience events.AudienceKind, before []earlier) Code {
	beyond := s.beyond
	switch profile {
	case "timpush", "ums":
		beyond = s.beyondShort
	case "tpns":
		beyond = s.beyond // no state lies between three days and seven
	}
	if !s.created { // facts say nothing of profile and audience
		beyond, profile = s.beyond, ""
	}
	broad := slices.Contains([]events.AudienceKind{"all", "list", "tag"}, audience)
	barred := slices.ContainsFunc(before, func(e earlier) bool {
		return slices.Contains(bars[e.action], a) && slices.Contains(within[e.scope], scope)
	})
	switch {
	case s.unknown:
		return UnknownPush
	case a == channels.Cancel && !s.scheduled:
		return NotScheduled
	case a == channels.Cancel && (s.started || s.age >= 0):
		return AlreadyStarted
	case beyond:
		return WindowClosed
	case barred:
		return AlreadyRecalled
	case profile == "tpns" && !broad:
		return AudienceNotAllowed
	}
	return ""
}

func histories() [][]earlier {
	list := [][]earlier{nil}
	for scope := range scopes {
		for _, a := range channels.Actions() {
			for _, state := range []RecallState{Running, Completed, Aborted} {
				list = append(list, []earlier{{a, scope, state}})
			}
		}
	}
	return append(list,
		[]earlier{{channels.Cancel, "all", Aborted}, {channels.Terminate, "all", Completed}},
		[]earlier{{channels.Recall, "d1", Running}, {channels.Recall, "u1", Running}, {channels.Terminate, "all", Running}},
	)
}

func TestDecideEverything(t *testing.T) {
	n := 0
	for _, s := range pushStates() {
		for _, profile := range []string{"", "native", "mpaas", "tpns", "timpush", "ums", "of another day"} {
			for _, audience := range []events.AudienceKind{"device", "user", "list", "tag", "all"} {
				for _, before := range histories() {
					n += decideAll(t, s, profile, audience, before)
				}
			}
		}
	}
	t.Logf("%d decisions", n)
}

func decideAll(t *testing.T, s pushState, profile string, audience events.AudienceKind, before []earlier) (n int) {
	p := s.push(profile, audience)
	if !s.unknown {
		for i, e := range before {
			p.Recalls = append(p.Recalls, Recall{
				Requested: events.Requested{Recall: fmt.Sprintf("r%d", i), Action: string(e.action), Scope: scopes[e.scope]},
				State:     e.state, Seq: events.Seq(i + 1), At: noon,
			})
		}
	}
	for _, a := range channels.Actions() {
		for name, scope := range scopes {
			if a == channels.Cancel && name != "all" {
				continue // Check refuses it
			}
			r := &Request{App: "shop", Push: "p", Action: a, Scope: scope}
			if a == channels.Override {
				r.Replacement = &events.Replacement{Title: "new"}
			}
			c := Circumstances{Now: noon, ID: "id", Rules: RulesOf(p.Profile(), 7*Day), ScopeKnown: true}
			want := expected(s, a, name, profile, audience, before)
			q, refusal := Decide(p, r, c)
			if got := codeOf(refusal); got != want || (q == nil) != (refusal != nil) {
				t.Fatalf("%s of %s, push %s, profile %q, audience %s, after %v: %q, want %q", a, name, s.name, profile, audience, before, got, want)
			}
			if want == AlreadyRecalled && (refusal.First == nil || !strings.Contains(refusal.Message, refusal.First.Recall)) {
				t.Fatalf("the refusal does not name the first recall: %+v", refusal)
			}
			n++
		}
	}
	return n
}

func codeOf(r *Refusal) Code {
	if r == nil {
		return ""
	}
	if r.Message == "" {
		return "a refusal without a message"
	}
	return r.Code
}

// fault makes one thing wrong with a request that would be accepted.
type fault struct {
	code  Code
	wrong func(p *Push, r *Request, c *Circumstances)
}

// faults are in the order of the questions.
func faults() []fault {
	return []fault{
		{UnknownPush, func(p *Push, _ *Request, _ *Circumstances) { p.First = time.Time{} }},
		{UnknownDevice, func(_ *Push, r *Request, c *Circumstances) { r.Scope, c.ScopeKnown = events.Scope{Device: "d"}, false }},
		{NotScheduled, func(p *Push, r *Request, _ *Circumstances) { r.Action, p.Created.ScheduleAt = channels.Cancel, nil }},
		{AlreadyStarted, func(p *Push, r *Request, _ *Circumstances) { r.Action, p.Started = channels.Cancel, true }},
		{WindowClosed, func(_ *Push, _ *Request, c *Circumstances) { c.Now = noon.Add(8 * Day); c.LastRecall = c.Now.Add(-Day) }},
		{RateLimited, func(_ *Push, _ *Request, c *Circumstances) {
			c.Rules.PerSecond, c.LastRecall = 1, c.Now.Add(-time.Second+1)
		}},
		{AlreadyRecalled, func(p *Push, _ *Request, _ *Circumstances) {
			p.Recalls = append(p.Recalls, Recall{Requested: events.Requested{Recall: "first", Action: "override"}})
		}},
		{TooManyRecalls, func(p *Push, _ *Request, _ *Circumstances) {
			for i := range MaxRecalls {
				p.Recalls = append(p.Recalls, Recall{Requested: events.Requested{Action: "recall", Scope: events.Scope{User: fmt.Sprint(i)}}})
			}
		}},
		{AudienceNotAllowed, func(_ *Push, _ *Request, c *Circumstances) {
			c.Rules.Audiences = []events.AudienceKind{events.AudienceTag}
			c.Rules.CancelAudiences = c.Rules.Audiences
		}},
		{ReplacementMissing, func(_ *Push, r *Request, _ *Circumstances) {
			r.Action, r.Replacement = channels.Override, &events.Replacement{Push: "taken"}
		}},
		{ReplacementPushTaken, func(_ *Push, r *Request, c *Circumstances) {
			if r.Replacement == nil {
				r.Replacement = &events.Replacement{Push: "taken", Title: "new"}
			}
			r.Action, c.ReplacementTaken = channels.Override, true
		}},
		{WholeSends, func(_ *Push, _ *Request, c *Circumstances) { c.WholeSends = []string{"wecom"} }},
	}
}

// The first question that fails is the answer, for every two that can.
func TestDecideOrder(t *testing.T) {
	list := faults()
	for i, first := range list {
		for _, second := range append([]fault{first}, list[i+1:]...) {
			if first.code == NotScheduled && second.code == AlreadyStarted ||
				(first.code == NotScheduled || first.code == AlreadyStarted) && (second.code == ReplacementMissing || second.code == ReplacementPushTaken) {
				continue // of different actions or schedules
			}
			// The two are made in the order in which they do not undo each other.
			for _, made := range [][]fault{{first, second}, {second, first}} {
				at := noon.Add(time.Hour)
				p := &Push{First: noon, Created: &events.Created{ScheduleAt: &at, Audience: events.Audience{Kind: events.AudienceAll}}}
				r := &Request{App: "shop", Push: "p", Action: channels.Recall}
				c := Circumstances{Now: noon, ID: "id", Rules: RulesOf("native", 7*Day), ScopeKnown: true}
				if q, refusal := Decide(p, r, c); q == nil {
					t.Fatalf("without a fault: %v", refusal)
				}
				made[0].wrong(p, r, &c)
				made[1].wrong(p, r, &c)
				if _, refusal := Decide(p, r, c); codeOf(refusal) != first.code {
					t.Errorf("%s with %s: %q", made[0].code, made[1].code, codeOf(refusal))
				}
			}
		}
	}
}

// Whoever says what to do with whole sends is asked no more.
func TestDecideWholeSends(t *testing.T) {
	c := Circumstances{Now: noon, ID: "id", Rules: RulesOf("native", 7*Day), WholeSends: []string{"wecom", "dingtalk"}}
	_, refusal := Decide(&Push{First: noon}, &Request{Push: "p", Action: channels.Recall}, c)
	if codeOf(refusal) != WholeSends || !strings.Contains(refusal.Message, "wecom, dingtalk") {
		t.Errorf("refused with %+v", refusal)
	}
	for _, take := range []bool{true, false} {
		q, refusal := Decide(&Push{First: noon}, &Request{Push: "p", Action: channels.Recall, WholeSends: &take}, c)
		if refusal != nil || q.WholeSends != take {
			t.Errorf("whole sends %v: %+v, refused %+v", take, q, refusal)
		}
	}
}

// TestNotice: a text of the caller's own goes before its language, that before
// what the node is configured with.
func TestNotice(t *testing.T) {
	for _, tc := range []struct{ notice, language, node, want string }{
		{"", "", "", "Message revoked"},
		{"", "en", "node", "Message revoked"},
		{"", "zh-Hans", "", "消息已撤回"},
		{"", "", "node", "node"},
		{"", "ja", "node", Notice("ja")},
		{"own", "ja", "node", "own"},
	} {
		r := &Request{Push: "p", Action: channels.Recall, Notice: tc.notice, Language: tc.language}
		q, refusal := Decide(&Push{First: noon}, r, Circumstances{Now: noon, ID: "id", Rules: RulesOf("native", Day), Notice: tc.node})
		if refusal != nil || q.Notice != tc.want {
			t.Errorf("%+v: notice %q, refused %v", tc, q.Notice, refusal)
		}
	}
	seen := map[string]bool{}
	for _, l := range Languages() {
		if n := Notice(l); n == "" || seen[n] || events.CheckText("notice", n, events.MaxTitle) != nil {
			t.Errorf("%s: notice %q", l, n)
		}
		seen[Notice(l)] = true
	}
	var field *events.FieldError
	if err := (&Request{Push: "p", Action: channels.Recall, Language: "tlh"}).Check(); !errors.As(err, &field) || field.Field != "language" {
		t.Errorf("an unknown language: %v", err)
	}
}

// The time of the last recall is the log's: a node whose clock is behind it must
// not refuse until its clock has caught up.
func TestDecideRate(t *testing.T) {
	for ago, want := range map[time.Duration]Code{
		-time.Hour: "", -time.Second: "", -time.Second + 1: RateLimited, 0: RateLimited, time.Second - 1: RateLimited, time.Second: "", time.Hour: "",
	} {
		c := Circumstances{Now: noon, ID: "id", Rules: RulesOf("timpush", 0), LastRecall: noon.Add(-ago)}
		p := &Push{First: noon.Add(-time.Hour)}
		_, refusal := Decide(p, &Request{Push: "p", Action: channels.Recall}, c)
		if got := codeOf(refusal); got != want {
			t.Errorf("%v after the last recall: %q, want %q", ago, got, want)
		}
		c.Rules.PerSecond = 0
		if _, refusal := Decide(p, &Request{Push: "p", Action: channels.Recall}, c); refusal != nil {
			t.Errorf("without a limit: %v", refusal)
		}
	}
}

func TestDecideAccepted(t *testing.T) {
	berlin := time.FixedZone("CET", 60*60)
	p := &Push{First: noon.In(berlin)}
	c := Circumstances{Now: noon.Add(time.Hour), ID: "01ID", Rules: RulesOf("native", 2*Day), ScopeKnown: true}
	deadline := noon.Add(2 * Day)
	device := events.Scope{Device: "d", Channel: "fcm"}
	for _, tc := range []struct {
		name    string
		request Request
		want    events.Requested
	}{
		{"terminate", Request{Action: channels.Terminate, By: "ops", Reason: "wrong"},
			events.Requested{Action: "terminate", By: "ops", Reason: "wrong"}},
		{"recall of a device", Request{Action: channels.Recall, Scope: device},
			events.Requested{Action: "recall", Scope: device, Notice: Notice("")}},
		{"recall with a notice", Request{Action: channels.Recall, Notice: "Sorry"},
			events.Requested{Action: "recall", Notice: "Sorry"}},
		{"override", Request{Action: channels.Override, Replacement: &events.Replacement{Body: "new", Force: true}},
			events.Requested{Action: "override", Replacement: &events.Replacement{Push: "override-01ID", Body: "new", Force: true}}},
		{"override by a push with a name", Request{Action: channels.Override, Replacement: &events.Replacement{Push: "q", Title: "new"}},
			events.Requested{Action: "override", Replacement: &events.Replacement{Push: "q", Title: "new"}}},
	} {
		r := tc.request
		r.App, r.Push = "shop", "p"
		before := r.Fingerprint()
		got, refusal := Decide(p, &r, c)
		if refusal != nil {
			t.Errorf("%s: %v", tc.name, refusal)
			continue
		}
		tc.want.Recall, tc.want.Deadline = "01ID", deadline
		if diff := cmp.Diff(*got, tc.want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", tc.name, diff)
		}
		if got.Deadline.Location() != time.UTC {
			t.Errorf("%s: the deadline is in %v", tc.name, got.Deadline.Location())
		}
		if r.Fingerprint() != before {
			t.Errorf("%s: Decide changed the request", tc.name)
		}
		e := &events.Event{Header: events.Header{Kind: events.RecallRequested, App: "shop", Push: "p", Time: noon}, Data: got}
		if err := events.Check(e); err != nil {
			t.Errorf("%s: the decision is no event: %v", tc.name, err)
		}
	}
}

func TestRules(t *testing.T) {
	for profile, want := range map[string]struct {
		window    time.Duration
		perSecond int
	}{
		"": {5 * Day, 0}, "native": {5 * Day, 0}, "bogus": {5 * Day, 0},
		"mpaas": {7 * Day, 0}, "tpns": {3 * Day, 0}, "timpush": {Day, 1}, "ums": {Day, 0},
	} {
		r := RulesOf(profile, 5*Day)
		if r.Window != want.window || r.PerSecond != want.perSecond || r.Profile == "" {
			t.Errorf("profile %q: %+v", profile, r)
		}
	}
}
