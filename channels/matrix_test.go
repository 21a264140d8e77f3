package channels

import (
	"strings"
	"testing"
	"time"
)

// stored is the closed set of channel names. They are in the log, so one that
// is here once stays.
var stored = []string{
	"selfbuilt", "apns", "fcm", "fcm-data", "huawei", "huawei-emui9", "harmony", "honor", "xiaomi", "oppo", "vivo",
	"meizu", "jpush", "wecom", "dingtalk", "wechat-oa", "wechat-mp", "alipay", "webpush", "ntfy", "sms", "email",
}

var allProfiles = []string{Native, "mpaas", "tpns", "timpush", "ums"}

// rank orders methods by what they leave on the device: the less, the stronger.
func rank(t *testing.T, m Method) int {
	t.Helper()
	switch m {
	case None:
		return 0
	case Withhold:
		return 1
	case Overwrite:
		return 2
	case Remove:
		return 3
	}
	t.Fatalf("method %q is not one of the four", m)
	return 0
}

// TestMatrixComplete: every profile has a row of its own for every channel, so
// that no profile inherits what only the vendor allows (L9).
func TestMatrixComplete(t *testing.T) {
	got := Rows()
	if want := len(stored) * len(allProfiles); len(got) != want {
		t.Fatalf("the matrix has %d rows, want %d", len(got), want)
	}
	for i, r := range got {
		profile, channel := allProfiles[i/len(stored)], stored[i%len(stored)]
		if r.Profile != profile || r.Channel != channel {
			t.Errorf("row %d is (%s, %s), want (%s, %s)", i, r.Profile, r.Channel, profile, channel)
		}
		found, ok := Lookup(profile, channel)
		if !ok || found != r {
			t.Errorf("Lookup(%s, %s) = %+v, %v, want the row", profile, channel, found, ok)
		}
		if !Known(channel) {
			t.Errorf("Known(%s) = false", channel)
		}
	}
}

func TestRowInvariants(t *testing.T) {
	seen := map[[2]string]bool{}
	for _, r := range Rows() {
		fail := func(what string) { t.Errorf("%s/%s: %s", r.Profile, r.Channel, what) }
		key := [2]string{r.Profile, r.Channel}
		if seen[key] {
			fail("stands twice in the table")
		}
		seen[key] = true
		if r.Title == "" || r.Source == "" {
			fail("has no title or no source")
		}
		if _, err := time.Parse(time.DateOnly, r.Checked); err != nil {
			fail("checked: " + err.Error())
		}
		if rank(t, r.Recall) < rank(t, r.Terminate) {
			fail("a recall includes a termination, so it cannot be weaker")
		}
		if r.Terminate != None && r.Terminate != Withhold {
			fail("terminate must not touch what is shown")
		}
		if r.Override != None && r.Override != Overwrite {
			fail("override can only overwrite")
		}
		if r.Granularity != PerDevice && r.Granularity != PerTask {
			fail("granularity " + string(r.Granularity))
		}
		if r.OverwritePerDevice && (r.Granularity != PerTask || r.Override != Overwrite) {
			fail("overwrite per device says nothing here")
		}
		if r.SlotToWithhold && !r.NeedsSlot {
			fail("withholding needs a slot, removing none")
		}
		if r.Window < 0 || r.PerCall < 0 || r.PerSecond < 0 {
			fail("a limit is negative")
		}
		if r.Repeatable && !capable(r) {
			fail("nothing can be called, so nothing can be repeated")
		}
		checkNote(t, r)
		checkOutside(t, r)
	}
}

// checkNote: an operator reads one plain sentence, above all where something is
// not possible, touches all recipients or is not certain.
func checkNote(t *testing.T, r Row) {
	t.Helper()
	if r.Note == "" {
		t.Errorf("%s/%s: has no note", r.Profile, r.Channel)
		return
	}
	if !strings.HasSuffix(r.Note, ".") || strings.TrimSpace(r.Note) != r.Note || strings.Contains(r.Note, "\n") {
		t.Errorf("%s/%s: the note is not a sentence: %q", r.Profile, r.Channel, r.Note)
	}
}

func checkOutside(t *testing.T, r Row) {
	t.Helper()
	if !r.Outside {
		return
	}
	if capable(r) || r.Profile == Native {
		t.Errorf("%s/%s: is outside, yet allows something or is native", r.Profile, r.Channel)
	}
	if want := "The " + r.Profile + " profile does not reach this channel."; r.Note != want {
		t.Errorf("%s/%s: note %q, want %q", r.Profile, r.Channel, r.Note, want)
	}
}

// stops lists where a profile withholds although the vendor has no call for it,
// and why: the profile's own queue stands before the vendor. Nothing else of a
// profile may be stronger than the vendor's own API.
var stops = map[string]struct {
	reason   string
	channels []string
}{
	"tpns": {"TPNS ends its own offline deliveries on Android",
		[]string{"fcm", "fcm-data", "huawei", "huawei-emui9", "honor", "xiaomi", "oppo", "vivo"}},
	"timpush": {"TIMPush stops accounts it has not issued yet",
		[]string{"apns", "fcm", "fcm-data", "huawei", "huawei-emui9", "honor", "xiaomi", "oppo", "vivo"}},
	"ums": {"UMS stops what is still inside UMS",
		[]string{"wecom", "dingtalk", "wechat-oa", "wechat-mp", "alipay", "sms", "email"}},
}

func TestNoProfileIsStrongerThanNative(t *testing.T) {
	allowed := map[[2]string]bool{}
	for profile, s := range stops {
		for _, channel := range s.channels {
			allowed[[2]string{profile, channel}] = true
		}
	}
	for _, r := range Rows() {
		native, _ := Lookup(Native, r.Channel)
		used := false
		for _, a := range []Action{Terminate, Recall, Override} {
			got, limit := r.Method(a), native.Method(a)
			if rank(t, got) <= rank(t, limit) {
				continue
			}
			used = true
			if got != Withhold || !allowed[[2]string{r.Profile, r.Channel}] {
				t.Errorf("%s/%s: %s is %s, natively only %s", r.Profile, r.Channel, a, got, limit)
			}
		}
		if !used && allowed[[2]string{r.Profile, r.Channel}] {
			t.Errorf("%s/%s: is listed as an exception and is none", r.Profile, r.Channel)
		}
		for _, m := range []Method{Withhold, Remove, Overwrite} {
			if native.Names(m) == PerTask && r.Names(m) == PerDevice {
				t.Errorf("%s/%s: %s names devices, natively only whole sends", r.Profile, r.Channel, m)
			}
		}
		if !r.Outside && (native.NeedsSlot != r.NeedsSlot || native.SlotToWithhold != r.SlotToWithhold) {
			t.Errorf("%s/%s: needs another slot than natively", r.Profile, r.Channel)
		}
	}
}

func TestRowsIsACopy(t *testing.T) {
	Rows()[0].Recall = None
	if got, _ := Lookup(Native, "selfbuilt"); got.Recall != Remove {
		t.Errorf("the table was changed through Rows: recall is %s", got.Recall)
	}
}
