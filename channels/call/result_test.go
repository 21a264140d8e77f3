package call

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
)

func TestRefusal(t *testing.T) {
	for status, want := range map[int]struct {
		verdict channels.Verdict
		reason  string
	}{
		200: {"", ""}, 204: {"", ""}, 299: {"", ""},
		302: {channels.Refused, channels.ReasonBadRequest},
		400: {channels.Refused, channels.ReasonBadRequest},
		401: {channels.Throttled, channels.ReasonCredentials},
		403: {channels.Throttled, channels.ReasonCredentials},
		404: {channels.Refused, channels.ReasonBadRequest},
		413: {channels.Refused, channels.ReasonTooLarge},
		429: {channels.Throttled, channels.ReasonThrottled},
		500: {channels.Unknown, channels.ReasonNoAnswer},
		502: {channels.Unknown, channels.ReasonNoAnswer},
		503: {channels.Throttled, channels.ReasonBusy},
		504: {channels.Unknown, channels.ReasonNoAnswer},
	} {
		a := Answer{Status: status, RetryAfter: time.Second}
		if r := a.Refusal(); r != (Result{Verdict: want.verdict, Reason: want.reason, RetryAfter: time.Second}) {
			t.Errorf("%d: %+v, want %q (%s)", status, r, want.verdict, want.reason)
		}
	}
}

func TestAll(t *testing.T) {
	r := Result{Verdict: channels.Throttled, Reason: channels.ReasonBusy, RetryAfter: time.Minute}.All(command(2))
	want := []channels.Result{
		{Device: "device-0", Verdict: channels.Throttled, Reason: channels.ReasonBusy},
		{Device: "device-1", Verdict: channels.Throttled, Reason: channels.ReasonBusy},
	}
	if r.RetryAfter != time.Minute || !slices.Equal(r.Results, want) {
		t.Errorf("%+v", r)
	}
}

// TestCoded: only what looks like a code gets into a reason.
func TestCoded(t *testing.T) {
	long := strings.Repeat("a", 64)
	for code, want := range map[string]string{
		"40014": "r:40014", "-1": "r:-1", "isv.app_call-limited": "r:isv.app_call-limited", long: "r:" + long,
		"": "r", long + "a": "r", "token t1 is bad": "r", "a:b": "r", "a\nb": "r", "口令": "r",
	} {
		if got := Coded("r", code); got != want {
			t.Errorf("%q: %q, want %q", code, got, want)
		}
	}
}

// TestResultCoded: what other parts compare has no code behind it.
func TestResultCoded(t *testing.T) {
	for _, x := range []struct {
		r    Result
		want string
	}{
		{Result{Verdict: channels.Refused, Reason: channels.ReasonBadRequest}, "bad-request:7"},
		{Result{Verdict: channels.Throttled, Reason: channels.ReasonThrottled}, "throttled:7"},
		{Result{Verdict: channels.Throttled, Reason: channels.ReasonCredentials}, channels.ReasonCredentials},
		{Result{Verdict: channels.Refused, Reason: channels.ReasonDeadToken}, channels.ReasonDeadToken},
		{Result{Verdict: channels.Accepted, Reason: channels.ReasonAlready}, channels.ReasonAlready},
	} {
		if got := x.r.Coded("7"); got.Reason != x.want || got.Verdict != x.r.Verdict {
			t.Errorf("%+v: %+v, want %q", x.r, got, x.want)
		}
	}
}

// TestDoubt: a token is dead only beside one that was reached.
func TestDoubt(t *testing.T) {
	fine := channels.Result{Verdict: channels.Accepted}
	dead := channels.Result{Verdict: channels.Refused, Reason: channels.ReasonDeadToken}
	all := channels.Result{Verdict: channels.Refused, Reason: channels.ReasonAllTokensBad}
	busy := channels.Result{Verdict: channels.Throttled, Reason: channels.ReasonBusy}
	for _, x := range []struct{ results, want []channels.Result }{
		{nil, nil},
		{[]channels.Result{dead}, []channels.Result{all}},
		{[]channels.Result{dead, dead}, []channels.Result{all, all}},
		{[]channels.Result{dead, busy}, []channels.Result{all, busy}},
		{[]channels.Result{dead, fine, busy}, []channels.Result{dead, fine, busy}},
	} {
		got := slices.Clone(x.results)
		if Doubt(got); !slices.Equal(got, x.want) {
			t.Errorf("%+v: %+v, want %+v", x.results, got, x.want)
		}
	}
}

// TestNamed: whom the vendor names, and what that says of the others.
func TestNamed(t *testing.T) {
	c := channels.Command{Devices: []string{"a", "b", "c"}}
	fine, open := Result{Verdict: channels.Accepted}, NoAnswer()
	dead := Result{Verdict: channels.Refused, Reason: channels.ReasonDeadToken}
	all := Result{Verdict: channels.Refused, Reason: channels.ReasonAllTokensBad}
	for _, x := range []struct {
		name   string
		rest   Result
		named  map[string]Result
		failed int
		want   [3]Result
	}{
		{"nobody", fine, nil, 0, [3]Result{fine, fine, fine}},
		{"one", fine, map[string]Result{"b": dead}, 1, [3]Result{fine, dead, fine}},
		{"not all that failed", fine, map[string]Result{"b": dead}, 2, [3]Result{open, dead, open}},
		{"another call's device", fine, map[string]Result{"x": dead}, 1, [3]Result{open, open, open}},
		{"the others are open", open, map[string]Result{"b": dead}, 0, [3]Result{open, all, open}},
		{"all", fine, map[string]Result{"a": dead, "b": dead, "c": dead}, 3, [3]Result{all, all, all}},
	} {
		r := Named(c, x.rest, x.named, x.failed)
		for i, got := range r.Results {
			if got != (channels.Result{Device: c.Devices[i], Verdict: x.want[i].Verdict, Reason: x.want[i].Reason}) {
				t.Errorf("%s: %+v, want %+v", x.name, got, x.want[i])
			}
		}
	}
}
