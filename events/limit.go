package events

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// The limits of an event (L11). Lengths are in bytes.
const (
	MaxEventBytes     = 1 << 20
	MaxID             = 64
	MaxApp            = 64
	MaxPush           = 128
	MaxChannel        = 32
	MaxDevice         = 512
	MaxUser           = 128
	MaxDevices        = 1000
	MaxCommandDevices = 500
	MaxNames          = 20
	MaxLabels         = 16
	MaxLabel          = 128
	MaxTitle          = 512
	MaxBody           = 4096
	MaxReason         = 256
	MaxBy             = 128
	MaxSlot           = 64
	MaxSend           = 128
	MaxSends          = 20
	MaxKey            = 255
	MaxAnswer         = 16 << 10
	// MaxTrace is how long every trace context is.
	MaxTrace = 55
)

// FieldError says which field of an event or request is wrong, and the limit it broke.
type FieldError struct {
	Field  string
	Reason string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Reason }

func bad(field, format string, args ...any) error {
	return &FieldError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// renamed names the entry of a list that an error is about.
func renamed(err error, list string, i int) error {
	var f *FieldError
	if errors.As(err, &f) {
		return &FieldError{Field: fmt.Sprintf("%s[%d]", list, i), Reason: f.Reason}
	}
	return err
}

// CheckText reports text that is longer than limit bytes, is not UTF-8 or has
// control characters. An empty text passes.
func CheckText(field, s string, limit int) error {
	if len(s) > limit {
		return bad(field, "is %d bytes long, the limit is %d", len(s), limit)
	}
	ascii := true
	for i := range len(s) {
		c := s[i]
		if c < 0x20 && c != '\n' && c != '\t' || c == 0x7f {
			return bad(field, "has the control character %#02x at byte %d", c, i)
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	if !ascii && !utf8.ValidString(s) {
		return bad(field, "is not valid UTF-8")
	}
	return nil
}

// CheckID reports an id that is empty, too long, not UTF-8 or has control
// characters or line breaks.
func CheckID(field, s string, limit int) error {
	if s == "" {
		return bad(field, "is missing")
	}
	if len(s) > limit {
		return bad(field, "is %d bytes long, the limit is %d", len(s), limit)
	}
	if printable(s) {
		return nil
	}
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == 0x7f {
			return bad(field, "has the control character %#02x at byte %d", c, i)
		}
	}
	if !utf8.ValidString(s) {
		return bad(field, "is not valid UTF-8")
	}
	return nil
}

// CheckApp reports an app name outside [A-Za-z0-9_-]{1,64}: it is a token of
// every subject and key.
func CheckApp(field, s string) error { return checkToken(field, s, MaxApp) }

// CheckChannel reports a channel name outside [A-Za-z0-9_-]{1,32}.
func CheckChannel(field, s string) error { return checkToken(field, s, MaxChannel) }

func checkToken(field, s string, limit int) error {
	if s == "" {
		return bad(field, "is missing")
	}
	if len(s) > limit {
		return bad(field, "is %d bytes long, the limit is %d", len(s), limit)
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return bad(field, "%q may hold letters, digits, '-' and '_' only", s)
		}
	}
	return nil
}

// CheckTrace reports what is no traceparent of version 00 (W3C Trace Context,
// www.w3.org/TR/trace-context, section 3.2, checked 2026-11-20).
func CheckTrace(field, s string) error {
	if why := wrongTrace(s); why != "" {
		return bad(field, "%s", why)
	}
	return nil
}

// wrongTrace says why a text is no traceparent, "" when it is one. It makes no
// garbage of a good one: any fact may carry it.
func wrongTrace(s string) string {
	if len(s) != MaxTrace {
		return fmt.Sprintf("is %d bytes long, a traceparent has %d", len(s), MaxTrace)
	}
	for i := range len(s) {
		c := s[i]
		digit := '0' <= c && c <= '9' || 'a' <= c && c <= 'f'
		if dash := i == 2 || i == 35 || i == 52; dash && c != '-' || !dash && !digit {
			return fmt.Sprintf("is no traceparent, 00-TRACE-PARENT-FLAGS in lower-case hexadecimal digits, at byte %d", i)
		}
	}
	switch {
	case s[:2] != "00":
		return fmt.Sprintf("is a traceparent of version %s, only 00 is known", s[:2])
	case s[3:35] == "00000000000000000000000000000000":
		return "has a trace id of zeros"
	case s[36:52] == "0000000000000000":
		return "has a parent id of zeros"
	}
	return ""
}

// Check validates an event by the rules both sides of the log share: publishers
// call it before appending, projections after reading. It returns a *FieldError.
func Check(e *Event) error {
	if !e.Kind.Valid() {
		return bad("kind", "%q is not a kind of this ledger; see events/FORMAT.md", e.Kind)
	}
	if e.Data == nil || e.Data.shape() != e.Kind.Shape() {
		return bad("data", "does not fit kind %s", e.Kind)
	}
	if err := CheckText("id", e.ID, MaxID); err != nil {
		return err
	}
	if err := CheckApp("app", e.App); err != nil {
		return err
	}
	if err := CheckID("push", e.Push, MaxPush); err != nil {
		return err
	}
	if err := checkTime("time", e.Time); err != nil {
		return err
	}
	if e.Trace != "" {
		if err := CheckTrace("trace", e.Trace); err != nil {
			return err
		}
	}
	switch d := e.Data.(type) {
	case *Created:
		return checkCreated(d)
	case *Fact:
		return checkFact(e.Kind, d)
	case *Requested:
		return checkRequested(d)
	case *Refused:
		return checkTexts(text{"data.by", d.By, MaxBy}, text{"data.code", d.Code, MaxID}, text{"data.first", d.First, MaxID})
	case *Command:
		return checkCommand(d)
	case *Outcome:
		if err := CheckID("data.recall", d.Recall, MaxID); err != nil {
			return err
		}
		if err := CheckText("data.reason", d.Reason, MaxReason); err != nil {
			return err
		}
		return checkDevices(d.Channel, d.Devices, MaxDevices)
	case *Closed:
		if err := CheckID("data.recall", d.Recall, MaxID); err != nil {
			return err
		}
		return checkTexts(text{"data.by", d.By, MaxBy}, text{"data.reason", d.Reason, MaxReason})
	case *Key:
		if len(d.Answer) > MaxAnswer {
			return bad("data.answer", "is %d bytes long, the limit is %d", len(d.Answer), MaxAnswer)
		}
		return CheckID("data.key", d.Key, MaxKey)
	}
	return nil
}

// text is a text field with its limit.
type text struct {
	field, value string
	limit        int
}

func checkTexts(list ...text) error {
	for _, t := range list {
		if err := CheckText(t.field, t.value, t.limit); err != nil {
			return err
		}
	}
	return nil
}

func checkCommand(c *Command) error {
	if err := CheckID("data.recall", c.Recall, MaxID); err != nil {
		return err
	}
	if err := checkTexts(text{"data.slot", c.Slot, MaxSlot}, text{"data.title", c.Title, MaxTitle},
		text{"data.body", c.Body, MaxBody}, text{"data.replacement", c.Replacement, MaxPush}); err != nil {
		return err
	}
	if len(c.Sends) > MaxSends {
		return bad("data.sends", "has %d entries, the limit is %d", len(c.Sends), MaxSends)
	}
	for i, s := range c.Sends {
		if err := CheckID("data.sends", s, MaxSend); err != nil {
			return renamed(err, "data.sends", i)
		}
	}
	if err := checkDevices(c.Channel, c.Devices, MaxCommandDevices); err != nil {
		return err
	}
	return checkTime("data.deadline", c.Deadline)
}

// checkTime keeps times within what every part can represent.
func checkTime(field string, t time.Time) error {
	if t.IsZero() {
		return bad(field, "is missing; write RFC 3339, for example 2026-11-20T09:41:00Z")
	}
	if y := t.UTC().Year(); y < 2000 || y > 2199 {
		return bad(field, "is in the year %d, expected 2000 to 2199", y)
	}
	return nil
}

func checkDevices(channel string, devices []string, limit int) error {
	if err := CheckChannel("data.channel", channel); err != nil {
		return err
	}
	if len(devices) == 0 {
		return bad("data.devices", "is empty; name 1 to %d devices", limit)
	}
	if len(devices) > limit {
		return bad("data.devices", "names %d devices, the limit is %d; split the event", len(devices), limit)
	}
	for i, d := range devices {
		if err := CheckID("data.devices", d, MaxDevice); err != nil {
			return renamed(err, "data.devices", i)
		}
	}
	return nil
}

func checkFact(k Kind, f *Fact) error {
	if err := checkDevices(f.Channel, f.Devices, MaxDevices); err != nil {
		return err
	}
	if len(f.Users) > 0 {
		if k != PushSent {
			return bad("data.users", "belongs to push.sent only")
		}
		if len(f.Users) != len(f.Devices) {
			return bad("data.users", "has %d entries for %d devices; write \"\" where a device has no user", len(f.Users), len(f.Devices))
		}
		for i, u := range f.Users {
			if u == "" {
				continue
			}
			if err := CheckID("data.users", u, MaxUser); err != nil {
				return renamed(err, "data.users", i)
			}
		}
	}
	if f.Send != "" {
		if k != PushSent {
			return bad("data.send", "belongs to push.sent only")
		}
		if err := CheckID("data.send", f.Send, MaxSend); err != nil {
			return err
		}
	}
	return CheckText("data.reason", f.Reason, MaxReason)
}

func checkCreated(c *Created) error {
	switch c.Audience.Kind {
	case AudienceDevice, AudienceUser, AudienceList, AudienceTag, AudienceAll:
	default:
		return bad("data.audience.kind", "%q is none of device, user, list, tag, all", c.Audience.Kind)
	}
	if n := len(c.Audience.Names); n > MaxNames {
		return bad("data.audience.names", "has %d entries, the limit is %d", n, MaxNames)
	}
	for i, n := range c.Audience.Names {
		if err := CheckID(fmt.Sprintf("data.audience.names[%d]", i), n, MaxDevice); err != nil {
			return err
		}
	}
	if len(c.Labels) > MaxLabels {
		return bad("data.labels", "has %d entries, the limit is %d", len(c.Labels), MaxLabels)
	}
	for k, v := range c.Labels {
		if err := CheckID("data.labels", k, MaxLabel); err != nil {
			return err
		}
		if err := CheckText("data.labels."+k, v, MaxLabel); err != nil {
			return err
		}
	}
	for _, t := range []struct {
		field string
		at    *time.Time
	}{{"data.schedule_at", c.ScheduleAt}, {"data.expire_at", c.ExpireAt}} {
		if t.at == nil {
			continue
		}
		if err := checkTime(t.field, *t.at); err != nil {
			return err
		}
	}
	if c.SlotAuto && c.Slot != "" {
		return bad("data.slot_auto", "asks for a slot while data.slot gives one; write one of them")
	}
	if c.Profile != "" {
		if err := checkToken("data.profile", c.Profile, MaxChannel); err != nil {
			return err
		}
	}
	return checkTexts(text{"data.title", c.Title, MaxTitle}, text{"data.body", c.Body, MaxBody},
		text{"data.slot", c.Slot, MaxSlot}, text{"data.replaces", c.Replaces, MaxPush})
}

func checkRequested(r *Requested) error {
	if err := CheckID("data.recall", r.Recall, MaxID); err != nil {
		return err
	}
	if r.Scope.Device != "" && r.Scope.User != "" {
		return bad("data.scope", "names a device and a user; name one")
	}
	if err := checkTime("data.deadline", r.Deadline); err != nil {
		return err
	}
	if err := checkTexts(text{"data.by", r.By, MaxBy}, text{"data.reason", r.Reason, MaxReason}, text{"data.notice", r.Notice, MaxTitle},
		text{"data.scope.device", r.Scope.Device, MaxDevice}, text{"data.scope.user", r.Scope.User, MaxUser}); err != nil {
		return err
	}
	if n := r.Replacement; n != nil {
		if err := CheckID("data.replacement.push", n.Push, MaxPush); err != nil {
			return err
		}
		return checkTexts(text{"data.replacement.title", n.Title, MaxTitle}, text{"data.replacement.body", n.Body, MaxBody})
	}
	return nil
}
