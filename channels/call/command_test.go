package call

import (
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
)

// TestTerms: which commands go on, and why the others do not.
func TestTerms(t *testing.T) {
	terms := Terms{
		Methods: map[channels.Method]Target{channels.Remove: BySend, channels.Overwrite: BySlot(channels.SlotInteger)},
		Forced:  true,
		Fits:    func(c channels.Command) bool { return len(c.Title+c.Body) <= 10 },
	}
	unforced := terms
	unforced.Forced = false
	withholds := Terms{Methods: map[channels.Method]Target{channels.Withhold: BySend}}
	unsupported := func(reason string) Result { return Result{Verdict: channels.Unsupported, Reason: reason} }
	refused := func(reason string) Result { return Result{Verdict: channels.Refused, Reason: reason} }
	long := strings.Repeat("a", 11)
	for name, x := range map[string]struct {
		terms Terms
		c     channels.Command
		want  Result
	}{
		"remove":             {terms, channels.Command{Method: channels.Remove, Sends: []string{"1"}}, Result{}},
		"overwrite":          {terms, channels.Command{Method: channels.Overwrite, Slot: "0", Body: "text"}, Result{}},
		"forced":             {terms, channels.Command{Method: channels.Overwrite, Forced: true, Title: "text"}, Result{}},
		"forced, no terms":   {unforced, channels.Command{Method: channels.Overwrite, Forced: true, Slot: "1", Title: "text"}, unsupported(channels.ReasonNoMethod)},
		"withhold":           {withholds, channels.Command{Method: channels.Withhold, Sends: []string{"1"}}, Result{}},
		"handed over":        {terms, channels.Command{Method: channels.Withhold}, unsupported(channels.ReasonHandedOver)},
		"no method":          {withholds, channels.Command{Method: channels.Remove}, unsupported(channels.ReasonNoMethod)},
		"none":               {terms, channels.Command{Method: channels.None}, unsupported(channels.ReasonNoMethod)},
		"no send":            {terms, channels.Command{Method: channels.Remove, Slot: "1"}, refused(channels.ReasonNoSend)},
		"forced, no send":    {terms, channels.Command{Method: channels.Remove, Forced: true}, refused(channels.ReasonNoSend)},
		"no slot":            {terms, channels.Command{Method: channels.Overwrite, Body: "text"}, refused(channels.ReasonNoSlot)},
		"a slot of a word":   {terms, channels.Command{Method: channels.Overwrite, Slot: "a", Body: "text"}, refused(channels.ReasonNoSlot)},
		"no text":            {terms, channels.Command{Method: channels.Overwrite, Slot: "1"}, refused(channels.ReasonBadRequest)},
		"forced, no text":    {terms, channels.Command{Method: channels.Overwrite, Forced: true}, refused(channels.ReasonBadRequest)},
		"too large":          {terms, channels.Command{Method: channels.Overwrite, Slot: "1", Body: long}, refused(channels.ReasonTooLarge)},
		"forced, too large":  {terms, channels.Command{Method: channels.Overwrite, Forced: true, Body: long}, refused(channels.ReasonTooLarge)},
		"large, not for use": {terms, channels.Command{Method: channels.Remove, Sends: []string{"1"}, Body: long}, Result{}},
	} {
		if got := x.terms.Check(x.c); got != x.want {
			t.Errorf("%s: %+v, want %+v", name, got, x.want)
		}
	}
}

func TestTexts(t *testing.T) {
	for _, x := range []struct{ title, body, wantTitle, wantBody, wantText string }{
		{"t", "b", "t", "b", "t\nb"}, {"t", "", "t", "t", "t"}, {"", "b", "b", "b", "b"}, {"", "", "", "", ""},
	} {
		c := channels.Command{Title: x.title, Body: x.body}
		title, body := Texts(c)
		if title != x.wantTitle || body != x.wantBody || Text(c) != x.wantText {
			t.Errorf("%q and %q: %q, %q and %q", x.title, x.body, title, body, Text(c))
		}
	}
}

func TestSingle(t *testing.T) {
	for device, want := range map[string]bool{"a": true, "a|b": true, "": false, "a,b": false, ",": false} {
		if got := Single(device, ","); got != want {
			t.Errorf("%q: %t", device, got)
		}
	}
}

func TestLeft(t *testing.T) {
	for deadline, want := range map[time.Time]time.Duration{
		{}:                        0,
		now().Add(time.Minute):    time.Minute,
		now().Add(-time.Hour):     time.Second,
		now().Add(48 * time.Hour): time.Hour,
	} {
		if got := Left(channels.Command{Deadline: deadline}, now(), time.Second, time.Hour); got != want {
			t.Errorf("%s: %s, want %s", deadline, got, want)
		}
	}
}

func TestEncode(t *testing.T) {
	b, err := Encode(map[string]string{"a": "<b> & c"})
	if want := `{"a":"<b> & c"}`; err != nil || string(b) != want {
		t.Errorf("%s, %v, want %s", b, err, want)
	}
}
