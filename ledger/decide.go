package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// Request asks for a recall.
type Request struct {
	App    string          `json:"-"`
	Push   string          `json:"push"`
	Action channels.Action `json:"action"`
	Scope  events.Scope    `json:"scope,omitzero"`
	Reason string          `json:"reason,omitempty"`
	Notice string          `json:"notice,omitempty"`
	// Language picks the notice where none is given: one of Languages.
	Language    string              `json:"language,omitempty"`
	Replacement *events.Replacement `json:"replacement,omitempty"`
	// WholeSends says what to do on channels that cannot tell recipients apart:
	// true takes the message from all of them, those who clicked included, false
	// leaves those channels alone. Nil: the caller did not say.
	WholeSends *bool `json:"whole_sends,omitempty"`
	// By is the credential that asks; it is not part of the fingerprint.
	By string `json:"-"`
}

// MaxRecalls is how many recalls one push may have, device scopes included.
const MaxRecalls = 1000

// Check validates a request's form. It returns a *events.FieldError.
func (r *Request) Check() error {
	if err := events.CheckID("push", r.Push, events.MaxPush); err != nil {
		return err
	}
	if !r.Action.Valid() {
		return &events.FieldError{Field: "action", Reason: fmt.Sprintf("%q is none of cancel, terminate, recall, override", r.Action)}
	}
	switch s := r.Scope; {
	case s.Device != "" && s.User != "":
		return &events.FieldError{Field: "scope", Reason: "names a device and a user; name one"}
	case s.Device == "" && s.Channel != "":
		return &events.FieldError{Field: "scope.device", Reason: "is missing; a channel alone is no scope"}
	case r.Action == channels.Cancel && !s.Whole():
		return &events.FieldError{Field: "scope", Reason: "a cancel concerns the whole push"}
	}
	if r.Replacement != nil && r.Action != channels.Override {
		return &events.FieldError{Field: "replacement", Reason: "belongs to action override only"}
	}
	for _, f := range []struct {
		field, text string
		limit       int
	}{
		{"scope.device", r.Scope.Device, events.MaxDevice},
		{"scope.user", r.Scope.User, events.MaxUser},
		{"reason", r.Reason, events.MaxReason},
		{"notice", r.Notice, events.MaxTitle},
	} {
		if err := events.CheckText(f.field, f.text, f.limit); err != nil {
			return err
		}
	}
	if err := CheckLanguage("language", r.Language); err != nil {
		return err
	}
	if r.Scope.Channel != "" {
		if err := events.CheckChannel("scope.channel", r.Scope.Channel); err != nil {
			return err
		}
	}
	if n := r.Replacement; n != nil {
		if n.Push != "" {
			if err := events.CheckID("replacement.push", n.Push, events.MaxPush); err != nil {
				return err
			}
			if n.Push == r.Push {
				return &events.FieldError{Field: "replacement.push", Reason: "is the push that is replaced; give the new one an id of its own"}
			}
		}
		if err := events.CheckText("replacement.title", n.Title, events.MaxTitle); err != nil {
			return err
		}
		return events.CheckText("replacement.body", n.Body, events.MaxBody)
	}
	return nil
}

// Fingerprint identifies the content of a request, for idempotency keys (L6).
func (r *Request) Fingerprint() string {
	b, err := json.Marshal(r)
	if err != nil { // plain strings always marshal
		panic(err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Circumstances are what a decision depends on beside the push itself.
type Circumstances struct {
	// Now is the time of the decision.
	Now time.Time
	// ID is the id the recall gets if it is accepted.
	ID    string
	Rules Rules
	// LastRecall is when the app's last recall was accepted; zero if never.
	LastRecall time.Time
	// ScopeKnown is true when the device or user of the scope holds or held a
	// notification of the push. It is not looked at for a whole push.
	ScopeKnown bool
	// ReplacementTaken is true when the id of the replacement is a known push.
	ReplacementTaken bool
	// Notice is shown where the request gives neither a notice nor a language;
	// empty means that of DefaultLanguage.
	Notice string
	// WholeSends are the channels where devices hold the push and only whole
	// sends can be taken back.
	WholeSends []string
}

// Decide accepts or refuses a recall of a push. The order of the questions is
// part of the contract: the first that fails is the answer.
func Decide(p *Push, r *Request, c Circumstances) (*events.Requested, *Refusal) {
	if !p.Known() {
		return nil, refuse(UnknownPush, "no push %q is known to this app", r.Push)
	}
	if !r.Scope.Whole() && !c.ScopeKnown {
		return nil, refuse(UnknownDevice, "push %q never went to that device or user", r.Push)
	}
	if r.Action == channels.Cancel {
		switch {
		case p.Created == nil || p.Created.ScheduleAt == nil:
			return nil, refuse(NotScheduled, "push %q was not scheduled; terminate or recall it instead", r.Push)
		case p.Started || !c.Now.Before(*p.Created.ScheduleAt):
			return nil, refuse(AlreadyStarted, "push %q has started; terminate or recall it instead", r.Push)
		}
	}
	deadline := p.Start().Add(c.Rules.Window)
	if !c.Now.Before(deadline) {
		return nil, refuse(WindowClosed, "push %q started at %s and could be recalled until %s",
			r.Push, p.Start().UTC().Format(time.RFC3339), deadline.UTC().Format(time.RFC3339))
	}
	// The last recall's time is the log's, now is this node's: a clock that lags
	// behind the log's must not refuse for as long as it lags.
	if n := c.Rules.PerSecond; n > 0 && !c.LastRecall.IsZero() && c.Now.Sub(c.LastRecall).Abs() < time.Second/time.Duration(n) {
		return nil, refuse(RateLimited, "profile %s allows %d recall per second for an app", c.Rules.Profile, n)
	}
	if first := standing(p, r); first != nil {
		return nil, &Refusal{
			Code:    AlreadyRecalled,
			Message: fmt.Sprintf("push %q is already taken back by %s %s, accepted at %s", r.Push, first.Action, first.Recall, first.At.UTC().Format(time.RFC3339)),
			First:   first,
		}
	}
	if len(p.Recalls) >= MaxRecalls {
		return nil, refuse(TooManyRecalls, "push %q has %d recalls, the limit; recall the whole push instead", r.Push, MaxRecalls)
	}
	if !c.Rules.allows(r.Action, p) {
		return nil, refuse(AudienceNotAllowed, "profile %s cannot %s a push to audience %q", c.Rules.Profile, r.Action, p.Created.Audience.Kind)
	}
	if r.Action == channels.Override {
		switch n := r.Replacement; {
		case n == nil || n.Title == "" && n.Body == "":
			return nil, refuse(ReplacementMissing, "an override needs replacement.title or replacement.body")
		case c.ReplacementTaken:
			return nil, refuse(ReplacementPushTaken, "push %q exists; the replacement needs a new id", n.Push)
		}
	}
	// Who recalls must know that it touches people who clicked (L7), and a recall
	// that left a channel out cannot be repeated (L5): so neither is assumed.
	if r.WholeSends == nil && len(c.WholeSends) > 0 {
		return nil, refuse(WholeSends, "%s can only take a message back from everybody it was sent to, those who clicked included; "+
			"say whole_sends true to do that, or false to leave it there", strings.Join(c.WholeSends, ", "))
	}
	q := &events.Requested{
		Recall: c.ID, Action: string(r.Action), Scope: r.Scope, By: r.By, Reason: r.Reason,
		Notice: r.Notice, Replacement: r.Replacement, WholeSends: r.WholeSends != nil && *r.WholeSends, Deadline: deadline.UTC(),
	}
	if n := q.Replacement; n != nil && n.Push == "" {
		named := *n
		named.Push = "override-" + c.ID
		q.Replacement = &named
	}
	if q.Notice == "" && r.Action == channels.Recall {
		if q.Notice = c.Notice; r.Language != "" || q.Notice == "" {
			q.Notice = Notice(r.Language)
		}
	}
	return q, nil
}

// standing returns the earlier recall that makes this one a repetition (L5):
// of the same or a stronger action, and of a scope that covers this one. It
// stands for ever, also when it was aborted.
func standing(p *Push, r *Request) *Recall {
	for i := range p.Recalls {
		e := &p.Recalls[i]
		if covers(e.Scope, r.Scope) && channels.Action(e.Action).Strength() >= r.Action.Strength() {
			return e
		}
	}
	return nil
}

// covers reports whether everything in scope b lies in scope a as well.
func covers(a, b events.Scope) bool {
	if a.Whole() {
		return true
	}
	return a.Device == b.Device && a.User == b.User && (a.Channel == "" || a.Channel == b.Channel)
}

func refuse(code Code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Message: fmt.Sprintf(format, args...)}
}
