package showcase

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
)

// TestEveryChannelIsThere: a channel that enters the matrix enters the showcase, in
// its place.
func TestEveryChannelIsThere(t *testing.T) {
	got, want := []string{selfbuilt.Channel}, []string(nil)
	for _, v := range vendors() {
		got = append(got, v.channel)
	}
	for _, r := range channels.Rows() {
		if r.Profile == channels.Native {
			want = append(want, r.Channel)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// expected is what came of a round on a channel, in a word for each of the two
// holders that show the push, the one that was away and the one whose delivery
// alone is known.
type expected struct {
	method  channels.Method
	screen  Screen
	outcome string
	// accepted is how many lost the message after reading it.
	accepted int
}

// What the matrix promises, written out: a change of the matrix has to be made here
// as well, by somebody who means it.
func expectations() (recall, override map[string]expected) {
	const remove, overwrite = channels.Remove, channels.Overwrite
	recall, override = map[string]expected{}, map[string]expected{}
	for _, c := range []string{"apns", "fcm-data", "harmony", "xiaomi", "vivo", "jpush", "ntfy"} {
		recall[c] = expected{remove, Nothing, "accepted", 0}
	}
	for _, c := range []string{"fcm", "huawei", "honor", "oppo", "meizu", "webpush"} {
		recall[c] = expected{overwrite, Revoked, "accepted", 0}
	}
	for _, c := range []string{"wecom", "dingtalk", "wechat-oa", "alipay"} {
		recall[c] = expected{remove, Nothing, "accepted", 1}
	}
	for _, c := range []string{"huawei-emui9", "wechat-mp", "sms", "email"} {
		recall[c] = expected{channels.None, Old, "unsupported", 0}
	}
	recall["selfbuilt"] = expected{remove, Nothing, "confirmed", 0}
	for _, c := range []string{"apns", "fcm", "fcm-data", "huawei", "harmony", "honor", "xiaomi", "oppo", "meizu", "jpush", "webpush", "ntfy"} {
		override[c] = expected{overwrite, Replacement, "accepted", 0}
	}
	for _, c := range []string{"huawei-emui9", "vivo", "wecom", "dingtalk"} {
		override[c] = expected{overwrite, Both, "accepted", 0}
	}
	for _, c := range []string{"wechat-oa", "wechat-mp", "alipay", "sms", "email"} {
		override[c] = expected{channels.None, Old, "unsupported", 0}
	}
	override["selfbuilt"] = expected{overwrite, Replacement, "confirmed", 0}
	return recall, override
}

// TestShowcase plays both rounds over all channels.
func TestShowcase(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	r, err := Run(t.Context(), Config{Clock: time.Now})
	if err != nil || !r.Exact || len(r.Rounds) != 2 {
		t.Fatalf("%v\n%s", err, strings.Join(r.Found, "\n"))
	}
	recall, override := expectations()
	for i, all := range []map[string]expected{recall, override} {
		round := r.Rounds[i]
		if len(round.Channels) != len(all) || round.Slot == "" || round.Recall == "" {
			t.Errorf("round %d: %d channels, want %d; slot %q, recall %q", i, len(round.Channels), len(all), round.Slot, round.Recall)
		}
		for _, c := range round.Channels {
			c.check(t, round.Action, all[c.Channel])
		}
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("%v were left behind (%v)", left, err)
	}
}

// check compares a channel of a report with what is expected of it.
func (c Channel) check(t *testing.T, action string, want expected) {
	t.Helper()
	devices, screens, outcomes := 5, map[Screen]int{want.screen: 4}, map[string]int{want.outcome: 4}
	i := slices.IndexFunc(vendors(), func(v vendor) bool { return v.channel == c.Channel })
	if c.Channel == "fcm" { // it has a dead token
		devices = 6
		screens[Nothing]++
		outcomes["refused"]++
	}
	if c.Method != string(want.method) || c.Devices != devices || c.Holders != devices-1 ||
		!maps.Equal(c.Screens, screens) || !maps.Equal(c.Outcomes, outcomes) ||
		c.Accepted != want.accepted || c.Untouched != 1-want.accepted {
		t.Errorf("%s on %s: %+v\nwant %+v, of %d devices", action, c.Channel, c, want, devices)
	}
	if i < 0 || want.outcome == "unsupported" {
		return
	}
	// What went wrong was tried again: that many calls more.
	v := vendors()[i]
	trouble := len(v.trouble)
	if c.Forced {
		trouble = len(v.forced)
	}
	if c.Calls <= trouble || trouble == 0 {
		t.Errorf("%s on %s: %d calls, of which %d went wrong", action, c.Channel, c.Calls, trouble)
	}
}

// TestDifferencesAreFound: whatever is not as promised is said, each by itself.
func TestDifferencesAreFound(t *testing.T) {
	s := stageOf(t)
	p := recalled()
	p.on = []string{"ntfy", "dingtalk"}
	c, err := s.send(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.takeBack(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if found := s.compare(c, &r); len(found) > 0 {
		t.Fatalf("found %q", found)
	}
	ntfy, dingtalk := c.cast["ntfy"], c.cast["dingtalk"]
	for want, harm := range map[string]struct{ do, undo func() }{
		"the method on the log is": {
			func() { r.Channels[0].Method = "overwrite" }, func() { r.Channels[0].Method = "remove" },
		},
		`ntfy, device 0: the outcome is "refused", want "accepted"`: {
			func() { ntfy[0].outcome = "refused" }, func() { ntfy[0].outcome = "accepted" },
		},
		`ntfy, device 2: the outcome is "accepted", want ""`: {
			func() { ntfy[2].outcome = "accepted" }, func() { ntfy[2].outcome = "" },
		},
		"ntfy, device 1: its screen changed 2 times, want 1": {
			func() { ntfy[1].changes-- }, func() { ntfy[1].changes++ },
		},
		"dingtalk, device 2: its screen changed 0 times, want 1": {
			func() { dingtalk[2].changes++ }, func() { dingtalk[2].changes-- },
		},
		"ntfy, device 3 shows the old one, want nothing": {
			func() { s.lane("ntfy").tray.Show(ntfy[3].device, c.slot, oldBody) },
			func() { s.lane("ntfy").tray.Remove(ntfy[3].device, c.slot) },
		},
		"ntfy, device 3 shows something else, want nothing": {
			func() { s.lane("ntfy").tray.Show(ntfy[3].device, c.slot, "?") },
			func() { s.lane("ntfy").tray.Remove(ntfy[3].device, c.slot) },
		},
		"1 entries for devices": {func() { c.strangers++ }, func() { c.strangers-- }},
	} {
		harm.do()
		if found := s.compare(c, &r); len(found) != 1 || !strings.Contains(found[0], want) {
			t.Errorf("found %q, want %s", found, want)
		}
		harm.undo()
	}
	if found := s.compare(c, &r); len(found) > 0 {
		t.Errorf("found %q in the end", found)
	}
}

func TestConfigNeedsAClock(t *testing.T) {
	if _, err := Run(t.Context(), Config{}); err == nil || errors.Is(err, ErrNotExact) {
		t.Errorf("error %v", err)
	}
}

// stageOf opens a stage until the test ends.
func stageOf(t *testing.T) *stage {
	t.Helper()
	s, err := open(t.Context(), Config{Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
