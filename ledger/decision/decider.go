package decision

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/tracing"
	"github.com/recall-ledger/recall-ledger/projections"
)

// Config configures a Decider.
type Config struct {
	Log   events.Log
	Views Views
	// Committer records refusals.
	Committer *events.Committer
	// Others is the rest of the ledger; nil when the partition and the node are
	// the only ones.
	Others Others
	Clock  func() time.Time
	// NewID makes recall ids that sort by time.
	NewID func() string
	// Window is how long a native push can be recalled; at most the log's age.
	// Default 7 days.
	Window time.Duration
	// Notice is shown where a channel can only overwrite and the request says
	// neither a text nor a language. Default: the one of ledger.DefaultLanguage.
	Notice string
	// RefusalsPerSecond bounds how many refusals are recorded. Default 50.
	RefusalsPerSecond int
	// Tracer begins a span for each decision; nil makes none.
	Tracer trace.Tracer
}

// Views are what a decision must know of its partition: a projection, here or at
// another node.
type Views interface {
	State(app, push string, scope events.Scope) (projections.State, error)
	Targets(app, push string, action channels.Action, scope events.Scope) ([]projections.Target, error)
	Key(app, key string) (*events.Key, error)
	Recall(app, recall string) (*projections.Recall, error)
	RecallState(app, recall string) (*ledger.Push, *ledger.Recall, error)
	Applied() events.Position
	Wait(ctx context.Context, seq events.Seq) error
}

// Decider decides recalls of one partition.
type Decider struct {
	c        Config
	refusals budget
	turns    turns
}

// New returns a Decider.
func New(c Config) *Decider {
	if c.Window == 0 {
		c.Window = 7 * ledger.Day
	}
	if c.RefusalsPerSecond == 0 {
		c.RefusalsPerSecond = 50
	}
	return &Decider{c: c, refusals: budget{perSecond: c.RefusalsPerSecond}}
}

// maxTries bounds how often a decision is made again because the log moved on.
const maxTries = 100

// Answer is what a caller gets: the decision, and the bytes made of it.
type Answer struct {
	// Requested is the accepted recall, nil when it was refused.
	Requested *events.Requested
	Refusal   *ledger.Refusal
	// Status and Body are the answer as the renderer made it, or as it was
	// given the first time when Replayed.
	Status int
	Body   []byte
	// Replayed is true when the idempotency key had an answer already.
	Replayed bool
	// Position is where the last event of the decision stands in the log; zero
	// when Replayed or when a refusal was not recorded.
	Position events.Position
}

// Render makes the answer's bytes of a decision. It is called before the
// decision is appended, since the answer is stored with it.
type Render func(*events.Requested, *ledger.Refusal) (status int, body []byte)

// ErrKeyReused is an idempotency key that was used with other content.
var ErrKeyReused = errors.New("the idempotency key was used before with another request")

// Recall decides a request. key is the caller's idempotency key, "" without
// one. The error is a *events.FieldError for a bad request, ErrKeyReused, or a
// failure to decide; a refusal is an answer, not an error.
func (d *Decider) Recall(ctx context.Context, r ledger.Request, key string, render Render) (a Answer, err error) {
	if err := r.Check(); err != nil {
		return Answer{}, err
	}
	if key != "" {
		if err := events.CheckID("Idempotency-Key", key, events.MaxKey); err != nil {
			return Answer{}, err
		}
	}
	t := &try{d: d, r: &r, key: key, id: d.c.NewID(), render: render}
	ctx, span := tracing.Start(ctx, d.c.Tracer, tracing.Decide, trace.SpanKindInternal)
	defer func() {
		t.describe(span, a)
		tracing.End(span, err)
	}()
	t.trace = tracing.Text(ctx)
	leave, err := d.turns.enter(ctx, r.App+"/"+r.Push)
	if err != nil {
		return Answer{}, err
	}
	defer leave()
	if key != "" && d.c.Others != nil {
		// A crash behind this leaves the key to this request, whose retry goes on.
		if err := d.c.Others.Reserve(ctx, r.App, r.Push, key, r.Fingerprint()); err != nil {
			return Answer{}, err
		}
	}
	for range maxTries {
		a, done, err := t.once(ctx)
		if err == nil && a.Position.Seq != 0 {
			d.show(ctx, a.Position)
		}
		if err != nil || done {
			return a, err
		}
	}
	return Answer{}, fmt.Errorf("%w: the decision subject moved on %d times", events.ErrOverloaded, maxTries)
}

// try is one request while it is decided, possibly several times because the
// log moved on.
type try struct {
	d      *Decider
	r      *ledger.Request
	key    string
	id     string
	render Render
	// trace is the trace context that is recorded with what is accepted, pushTrace
	// that of the push.
	trace, pushTrace string

	// floor is what is known to stand on the subjects though the fold
	// quarantined it: a fence must not lie below.
	floor fences
	// lost is true after a conflict, before is the fence it was lost under.
	lost   bool
	before events.Seq
	// limited is true once the request was found to come too early.
	limited bool
	// claimed is true once the request has the app's turn under its profile's rate,
	// and lastRecall when somebody else was found to have it.
	claimed    bool
	lastRecall time.Time
	// unsure is the answer of which it is unknown whether it was stored.
	unsure *Answer
}

// describe notes on the span of the decision what it was about.
func (t *try) describe(span trace.Span, a Answer) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(tracing.App.String(t.r.App), tracing.Push.String(t.r.Push), tracing.Action.String(string(t.r.Action)))
	switch {
	case a.Requested != nil:
		span.SetAttributes(tracing.Recall.String(a.Requested.Recall))
	case a.Refusal != nil:
		span.SetAttributes(tracing.Refusal.String(string(a.Refusal.Code)))
	}
	// What was sent is one story, what takes it back days later another one.
	tracing.Link(span, t.pushTrace)
}

// fences are the sequences a decision expects on its two subjects.
type fences struct{ decision, key events.Seq }

// once decides at the log's end as it is now, and reports whether that was it.
func (t *try) once(ctx context.Context) (Answer, bool, error) {
	d := t.d
	if err := d.catchUp(ctx); err != nil {
		return Answer{}, false, err
	}
	if a, found, err := t.known(ctx); err != nil || found {
		return a, true, err
	}
	a, fence, rules, err := t.decide(ctx)
	if err != nil {
		return a, false, err
	}
	if a.Refusal != nil && a.Refusal.Code == ledger.RateLimited && t.key != "" && !t.limited {
		// What limits this request may be its own first one, of which the fold
		// showed the recall a moment before the key.
		t.limited = true
		return a, false, nil
	}
	if t.lost && fence == t.before {
		// The fold saw nothing new, so what was in the way is something it
		// quarantined. Judge again once everything up to there is folded.
		t.lost = false
		t.floor, err = t.stored(ctx)
		return a, false, err
	}
	if again, err := t.turn(ctx, a, rules); err != nil || again {
		return a, false, err
	}
	t.lost, t.before = false, fence
	a.Position, err = d.append(ctx, t.r, a, t.key, t.trace, fences{max(fence, t.floor.decision), t.floor.key})
	switch {
	case err == nil:
		return a, true, nil
	case errors.Is(err, events.ErrConflict):
		t.lost = true
		return a, false, nil
	case errors.Is(err, events.ErrUnknown) && a.Refusal != nil && (t.key == "" || a.Refusal.Code == ledger.RateLimited):
		return a, true, nil // recorded or not, nothing hangs on it
	case errors.Is(err, events.ErrUnknown):
		// The next round finds it if it was stored, and otherwise appends
		// under the same fence.
		t.unsure = &a
		return a, false, nil
	}
	return Answer{}, false, fmt.Errorf("append the decision: %w", err)
}

// known returns the answer that the log holds already: this request's own from
// an earlier round, or the first one of its key.
func (t *try) known(ctx context.Context) (Answer, bool, error) {
	d := t.d
	if t.unsure != nil {
		s, err := d.c.Views.State(t.r.App, t.r.Push, events.Scope{})
		if err != nil {
			return Answer{}, false, err
		}
		if mine := s.Push.Find(t.id); mine != nil {
			// What was appended with it stands right behind it.
			a, last := *t.unsure, mine.Seq
			own, err := d.own(ctx, t.r.App, mine.Replacement)
			if err != nil {
				return Answer{}, false, err
			}
			if own {
				last++
			}
			if t.key != "" {
				last++
			}
			a.Position = events.Position{Partition: d.c.Log.Partition(), Seq: last}
			return a, true, nil
		}
	}
	if t.key == "" {
		return Answer{}, false, nil
	}
	k, err := d.c.Views.Key(t.r.App, t.key)
	if err != nil || k == nil {
		return Answer{}, false, err
	}
	if k.Fingerprint != t.r.Fingerprint() {
		return Answer{}, true, ErrKeyReused
	}
	if u := t.unsure; u != nil && u.Status == k.Status && string(u.Body) == k.Answer {
		return *u, true, nil // the claim is this request's own
	}
	return Answer{Status: k.Status, Body: []byte(k.Answer), Replayed: true}, true, nil
}

// stored reads the newest sequences on the subjects of the decision.
func (t *try) stored(ctx context.Context) (fences, error) {
	partition := t.d.c.Log.Partition()
	var f fences
	var err error
	f.decision, err = t.d.last(ctx, events.DecisionFilter(partition, t.r.App, t.r.Push))
	if err == nil && t.key != "" {
		f.key, err = t.d.last(ctx, events.KeySubject(partition, t.r.App, t.key))
	}
	return f, err
}

// catchUp waits until the projection has applied what is in the log now.
func (d *Decider) catchUp(ctx context.Context) error {
	end, err := d.c.Log.End(ctx)
	if err != nil {
		return err
	}
	return d.c.Views.Wait(ctx, end.Seq)
}

// showTimeout bounds how long an answer waits to be seen by queries as well.
const showTimeout = 2 * time.Second

// show waits until queries show a decision, so that who was told of it finds
// it. The decision is durable and the answer stands even if that takes too long.
func (d *Decider) show(ctx context.Context, pos events.Position) {
	ctx, cancel := context.WithTimeout(ctx, showTimeout)
	defer cancel()
	_ = d.c.Views.Wait(ctx, pos.Seq)
}

// decide makes the decision and its answer, and returns the fence for it.
func (t *try) decide(ctx context.Context) (a Answer, fence events.Seq, rules ledger.Rules, err error) {
	d, r := t.d, t.r
	s, err := d.c.Views.State(r.App, r.Push, r.Scope)
	if err != nil {
		return a, 0, rules, err
	}
	c, err := d.circumstances(ctx, r, s, t.id)
	if err != nil {
		return a, 0, rules, err
	}
	if !t.claimed && t.lastRecall.After(c.LastRecall) {
		c.LastRecall = t.lastRecall
	}
	t.pushTrace = s.Push.Trace
	a.Requested, a.Refusal = ledger.Decide(&s.Push, r, c)
	a.Status, a.Body = t.render(a.Requested, a.Refusal)
	return a, s.Push.Decision, c.Rules, nil
}

// turn takes the app's turn under its profile's rate for a recall about to be
// accepted. again is true when another node or partition has it: the request is
// then judged with that known.
func (t *try) turn(ctx context.Context, a Answer, rules ledger.Rules) (again bool, err error) {
	d := t.d
	if a.Requested == nil || rules.PerSecond == 0 || t.claimed || d.c.Others == nil {
		return false, nil
	}
	now := d.c.Clock()
	got, err := d.c.Others.Turn(ctx, t.r.App, t.r.Push, t.id, rules, now)
	if err != nil {
		return false, err
	}
	if t.claimed = got; !got {
		t.lastRecall = now
	}
	return !got, nil
}

func (d *Decider) circumstances(ctx context.Context, r *ledger.Request, s projections.State, id string) (ledger.Circumstances, error) {
	c := ledger.Circumstances{
		ID: id, Notice: d.c.Notice, LastRecall: s.LastRecall, ScopeKnown: s.ScopeKnown,
		Rules: ledger.RulesOf(s.Push.Profile(), d.c.Window),
	}
	if err := d.elsewhere(ctx, r, &c); err != nil {
		return c, err
	}
	c.Now = d.c.Clock()
	if r.WholeSends != nil || r.Action == channels.Cancel {
		return c, nil
	}
	targets, err := d.c.Views.Targets(r.App, r.Push, r.Action, r.Scope)
	if err != nil {
		return c, err
	}
	for _, t := range targets {
		if t.Certain+t.Possible > 0 && channels.Resolve(ask(r, &s.Push, t)).Unaccepted {
			c.WholeSends = append(c.WholeSends, t.Channel)
		}
	}
	return c, nil
}

// elsewhere adds what other partitions know.
func (d *Decider) elsewhere(ctx context.Context, r *ledger.Request, c *ledger.Circumstances) error {
	if o := d.c.Others; o != nil && c.Rules.PerSecond > 0 {
		last, err := o.LastRecall(ctx, r.App)
		if err != nil {
			return err
		}
		if last.After(c.LastRecall) {
			c.LastRecall = last
		}
	}
	n := r.Replacement
	if n == nil || n.Push == "" {
		return nil
	}
	state := func() (projections.State, error) { return d.c.Views.State(r.App, n.Push, events.Scope{}) }
	own, err := d.own(ctx, r.App, n)
	if err != nil {
		return err
	}
	if !own {
		state = func() (projections.State, error) { return d.c.Others.State(ctx, r.App, n.Push) }
	}
	other, err := state()
	c.ReplacementTaken = other.Push.Known()
	return err
}

// own reports whether the new push of an override belongs to this partition, so
// that its description is part of the decision.
func (d *Decider) own(ctx context.Context, app string, n *events.Replacement) (bool, error) {
	if n == nil || d.c.Others == nil {
		return n != nil, nil
	}
	return d.c.Others.Owns(ctx, app, n.Push)
}

// ask says what a request asks of a channel.
func ask(r *ledger.Request, p *ledger.Push, t projections.Target) channels.Ask {
	return channels.Ask{
		Profile: p.Profile(), Channel: t.Channel, Action: r.Action, Slot: p.Slot(), Sends: t.Sends,
		Force:      r.Replacement != nil && r.Replacement.Force,
		WholeSends: r.WholeSends != nil && *r.WholeSends, Part: !r.Scope.Whole(),
	}
}

// last reads the newest sequence on a subject from the log.
func (d *Decider) last(ctx context.Context, subject string) (events.Seq, error) {
	var last events.Seq
	err := d.c.Log.ReadSubject(ctx, subject, func(m events.Message) error {
		last = m.Seq
		return nil
	})
	return last, err
}

// append writes the decision, fenced, with the key's claim in the same batch.
// An unkeyed refusal changes nothing and is recorded as the budget allows.
func (d *Decider) append(ctx context.Context, r *ledger.Request, a Answer, key, traceparent string, fence fences) (events.Position, error) {
	if a.Refusal != nil && a.Refusal.Code == ledger.RateLimited {
		// "Come back in a second" is no answer to keep: the retry it asks for
		// would get it again for ever.
		key = ""
	}
	now := d.c.Clock()
	partition := d.c.Log.Partition()
	var records []events.Record
	add := func(e *events.Event, subject string, fenced bool, expect events.Seq) error {
		e.App, e.Push, e.Time = r.App, r.Push, now
		if err := events.Check(e); err != nil {
			return err
		}
		b, err := events.Encode(e)
		if err != nil {
			return err
		}
		records = append(records, events.Record{Subject: subject, Data: b, Fenced: fenced, Expect: expect})
		return nil
	}
	event := func(k events.Kind, data events.Data) *events.Event {
		return &events.Event{Header: events.Header{Kind: k}, Data: data}
	}
	var err error
	if q := a.Requested; q != nil {
		accepted := event(events.RecallRequested, q)
		accepted.Trace = traceparent
		err = add(accepted, events.Subject(partition, r.App, events.RecallRequested, r.Push, ""), true, fence.decision)
		own := false
		if err == nil {
			own, err = d.own(ctx, r.App, q.Replacement)
		}
		if err == nil && own {
			err = d.addReplacement(&records, r, q, traceparent, now)
		}
	} else {
		first := ""
		if a.Refusal.First != nil {
			first = a.Refusal.First.Recall
		}
		refused := &events.Refused{Action: string(r.Action), Scope: r.Scope, By: r.By, Code: string(a.Refusal.Code), First: first}
		err = add(event(events.RecallRefused, refused), events.Subject(partition, r.App, events.RecallRefused, r.Push, ""), false, 0)
	}
	if err == nil && key != "" {
		k := &events.Key{Key: key, Fingerprint: r.Fingerprint(), Status: a.Status, Answer: string(a.Body)}
		err = add(event(events.KeyClaimed, k), events.KeySubject(partition, r.App, key), true, fence.key)
	}
	if err != nil {
		return events.Position{}, err
	}
	if a.Refusal != nil && key == "" {
		if !d.refusals.take(now) {
			return events.Position{}, nil
		}
		return d.c.Committer.Commit(ctx, records)
	}
	return d.c.Log.Append(ctx, records)
}

// addReplacement makes the new push of an override part of the decision.
func (d *Decider) addReplacement(records *[]events.Record, r *ledger.Request, q *events.Requested, traceparent string, now time.Time) error {
	s, err := d.c.Views.State(r.App, r.Push, events.Scope{})
	if err != nil {
		return err
	}
	e := &events.Event{
		Header: events.Header{Kind: events.PushCreated, App: r.App, Push: q.Replacement.Push, Time: now, Trace: traceparent},
		Data:   s.Push.Successor(r.Push, q.Replacement),
	}
	if err := events.Check(e); err != nil {
		return err
	}
	b, err := events.Encode(e)
	if err != nil {
		return err
	}
	*records = append(*records, events.Record{
		Subject: events.Subject(d.c.Log.Partition(), r.App, events.PushCreated, e.Push, ""), Data: b,
	})
	return nil
}
