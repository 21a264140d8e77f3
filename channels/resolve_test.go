package channels

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestPromises holds the rows that must work, as section 7 of the design lists
// them, for pushes sent with a slot: "-" is none, w withhold, r remove, o
// overwrite; in the order terminate, recall, override, forced override, where f
// is a new notification beside the old one.
func TestPromises(t *testing.T) {
	for _, c := range []struct{ profile, channels, want string }{
		{"mpaas", "huawei xiaomi oppo apns", "-ooo"},
		{"mpaas", "selfbuilt", "wooo"},
		{"mpaas", "vivo", "-r-f"},
		{"mpaas", "huawei-emui9 harmony", "---f"},
		{"mpaas", "sms", "----"},
		{"mpaas", "fcm fcm-data honor meizu jpush wecom dingtalk wechat-oa wechat-mp alipay webpush ntfy email", "----"},

		{"tpns", "selfbuilt xiaomi meizu huawei", "wwoo"},
		{"tpns", "apns", "--oo"},
		{"tpns", "vivo oppo huawei-emui9", "ww-f"},
		{"tpns", "honor fcm fcm-data", "ww-f"},
		{"tpns", "harmony jpush wecom dingtalk wechat-oa wechat-mp alipay webpush ntfy sms email", "----"},

		{"timpush", "apns fcm huawei honor", "wooo"},
		{"timpush", "fcm-data selfbuilt huawei-emui9 xiaomi oppo vivo meizu", "ww-f"},
		{"timpush", "harmony jpush wecom dingtalk wechat-oa wechat-mp alipay webpush ntfy sms email", "----"},

		{"ums", "jpush", "wr-f"},
		{"ums", "dingtalk wecom", "wr-f"},
		{"ums", "wechat-oa alipay", "wr--"},
		{"ums", "sms wechat-mp email", "ww--"},
		{"ums", "selfbuilt apns fcm fcm-data huawei huawei-emui9 harmony honor xiaomi oppo vivo meizu webpush ntfy", "----"},

		{Native, "selfbuilt harmony jpush", "wroo"},
		{Native, "apns fcm-data xiaomi ntfy", "-roo"},
		{Native, "fcm huawei honor oppo webpush", "-ooo"},
		{Native, "meizu", "wooo"},
		{Native, "vivo wecom dingtalk", "-r-f"},
		{Native, "wechat-oa alipay", "-r--"},
		{Native, "huawei-emui9", "---f"},
		{Native, "wechat-mp sms email", "----"},
	} {
		for _, channel := range fields(c.channels) {
			if got := letters(c.profile, channel, true); got != c.want {
				t.Errorf("%s/%s with a slot: %s, want %s", c.profile, channel, got, c.want)
			}
		}
	}
}

// TestWithoutSlot: what needs a slot is not done without one, and a forced
// override then shows the new notification beside the old one.
func TestWithoutSlot(t *testing.T) {
	for _, c := range []struct{ profile, channels, want string }{
		{Native, "selfbuilt jpush", "wroo"},
		{Native, "harmony apns fcm fcm-data huawei honor xiaomi oppo vivo webpush ntfy", "---f"},
		{Native, "meizu", "w--f"},
		{Native, "wecom dingtalk", "-r-f"},
		{Native, "wechat-oa alipay", "-r--"},
		{"mpaas", "huawei xiaomi oppo apns vivo", "---f"},
		{"mpaas", "selfbuilt", "wooo"},
		{"tpns", "selfbuilt", "wwoo"},
		{"tpns", "xiaomi meizu huawei oppo vivo", "ww-f"},
		{"tpns", "apns", "---f"},
		{"timpush", "apns fcm huawei honor", "w--f"},
		{"ums", "jpush dingtalk wecom", "wr-f"},
		{"ums", "apns", "----"},
	} {
		for _, channel := range fields(c.channels) {
			if got := letters(c.profile, channel, false); got != c.want {
				t.Errorf("%s/%s without a slot: %s, want %s", c.profile, channel, got, c.want)
			}
		}
	}
}

func fields(s string) []string {
	var out []string
	for _, c := range stored {
		if slices.Contains(strings.Fields(s), c) {
			out = append(out, c)
		}
	}
	if len(out) != len(strings.Fields(s)) {
		panic("a channel in the test is not a stored one: " + s)
	}
	return out
}

func letters(profile, channel string, slot bool) string {
	word := func(a Action, force bool) string {
		p := ask(profile, channel, a, slot, force)
		if p.Forced {
			return "f"
		}
		return map[Method]string{None: "-", Withhold: "w", Remove: "r", Overwrite: "o"}[p.Method]
	}
	return word(Terminate, false) + word(Recall, false) + word(Override, false) + word(Override, true)
}

// ask resolves for a push with or without a slot, where everything else that a
// channel may need is there.
func ask(profile, channel string, a Action, slot, force bool) Plan {
	q := Ask{Profile: profile, Channel: channel, Action: a, Force: force, Sends: true, WholeSends: true}
	if slot {
		q.Slot = "42"
	}
	return Resolve(q)
}

// TestResolve covers every profile, channel, action, slot and force.
func TestResolve(t *testing.T) {
	for _, r := range Rows() {
		for _, a := range append(Actions(), "", "revoke") {
			for _, with := range [][2]bool{{false, false}, {false, true}, {true, false}, {true, true}} {
				slot, force := with[0], with[1]
				got := ask(r.Profile, r.Channel, a, slot, force)
				at := fmt.Sprintf("Resolve(%s, %s, %q, slot %v, force %v)", r.Profile, r.Channel, a, slot, force)
				if got.Why == "" {
					t.Errorf("%s gives no reason", at)
				}
				if (a == Cancel || !a.Valid()) && got.Method != None {
					t.Errorf("%s = %s, want none", at, got.Method)
				}
				if got.Forced && (got.Method != Overwrite || a != Override || !force || r.Outside || r.Silent) {
					t.Errorf("%s = %+v is forced", at, got)
				}
				if !got.Forced && rank(t, got.Method) > rank(t, r.Method(a)) {
					t.Errorf("%s = %s, the row says %s", at, got.Method, r.Method(a))
				}
				if !slot && r.NeedsSlot && !got.Forced && (got.Method == Remove || got.Method == Overwrite) {
					t.Errorf("%s = %s, without the slot it needs", at, got.Method)
				}
				if a != Override && got != ask(r.Profile, r.Channel, a, slot, !force) {
					t.Errorf("%s depends on force", at)
				}
			}
		}
	}
}

func TestResolveUnknownChannel(t *testing.T) {
	for _, channel := range []string{"", "pager", "APNS", "sms "} {
		for _, profile := range allProfiles {
			for _, a := range Actions() {
				got := ask(profile, channel, a, true, true)
				if want := (Plan{Method: None, Why: "the channel is not in the matrix"}); got != want {
					t.Errorf("Resolve(%s, %q, %s) = %+v, want %+v", profile, channel, a, got, want)
				}
			}
		}
		if Known(channel) {
			t.Errorf("Known(%q) = true", channel)
		}
	}
}

// TestUnknownProfile: a profile nobody defined falls under the native rules.
func TestUnknownProfile(t *testing.T) {
	for _, channel := range stored {
		got, ok := Lookup("nobody", channel)
		if want, _ := Lookup(Native, channel); !ok || got != want {
			t.Errorf("Lookup(nobody, %s) = %+v, %v, want the native row", channel, got, ok)
		}
	}
}

// TestWholeSends: a channel that cannot tell recipients apart is used only when
// that is accepted, the send is known, and the whole push is meant (L7, L9).
func TestWholeSends(t *testing.T) {
	for _, c := range []struct {
		channel string
		action  Action
		method  Method
	}{
		{"wecom", Recall, Remove}, {"dingtalk", Recall, Remove}, {"wechat-oa", Recall, Remove}, {"alipay", Recall, Remove},
		{"jpush", Recall, Remove}, {"jpush", Terminate, Withhold}, {"meizu", Terminate, Withhold},
	} {
		full := Ask{Profile: Native, Channel: c.channel, Action: c.action, Slot: "42", Sends: true, WholeSends: true}
		if got := Resolve(full); got.Method != c.method || !got.WholeSends {
			t.Errorf("%s %s: %+v, want %s of whole sends", c.channel, c.action, got, c.method)
		}
		for why, less := range map[string]func(*Ask){
			whyAccept: func(a *Ask) { a.WholeSends = false },
			whyNoSend: func(a *Ask) { a.Sends = false },
			whyPart:   func(a *Ask) { a.Part = true },
		} {
			a := full
			less(&a)
			if got := Resolve(a); got.Method != None || got.Why != why || got.Unaccepted != (why == whyAccept) {
				t.Errorf("%s %s: %+v, want none because %q", c.channel, c.action, got, why)
			}
		}
	}
	// Where devices can be named, nothing of this matters.
	for _, c := range []string{"xiaomi", "apns", "meizu"} {
		a := Ask{Profile: Native, Channel: c, Action: Override, Slot: "42", Part: true}
		if got := Resolve(a); got.Method != Overwrite || got.WholeSends {
			t.Errorf("%s: %+v, want an overwrite of devices", c, got)
		}
	}
	// A replacing push of JPush names the one it replaces.
	if got := Resolve(Ask{Channel: "jpush", Action: Override}); got.Method != None || got.Why != whyNoSend {
		t.Errorf("jpush without a send: %+v", got)
	}
}

// TestSlotForms: a slot that a channel cannot use is as good as none.
func TestSlotForms(t *testing.T) {
	for _, c := range []struct{ form, fits, not string }{
		{"integer", "0 7 2147483647", "-1 2147483648 007 +7 7.0 p7 7x"},
		{"word", "7 a-B_9 12345678901234567890123456789012", "123456789012345678901234567890123 a.b a/b é"},
		{"short", "7 a-B_9123 20261120", "202611201 a.b"},
		{"text", "7 a.b/c:é", ""},
	} {
		form := SlotForm(c.form)
		for _, s := range strings.Fields(c.fits) {
			if !form.Fits(s) {
				t.Errorf("%s does not take %q", form, s)
			}
		}
		for _, s := range append(strings.Fields(c.not), "") {
			if form.Fits(s) {
				t.Errorf("%s takes %q", form, s)
			}
		}
	}
	got := Resolve(Ask{Profile: Native, Channel: "oppo", Action: Recall, Slot: "sale"})
	if got.Method != None || !strings.HasPrefix(got.Why, whySlotForm) {
		t.Errorf("oppo with the slot sale: %+v", got)
	}
	for _, r := range Rows() {
		if r.NeedsSlot != (r.SlotForm != "") && !r.Outside && r.Channel != "selfbuilt" {
			t.Errorf("%s/%s: needs a slot %v, of the form %q", r.Profile, r.Channel, r.NeedsSlot, r.SlotForm)
		}
	}
}

// TestNames: only whole sends can be named where the vendor says so (L9).
func TestNames(t *testing.T) {
	for _, c := range []struct {
		profile, channel string
		method           Method
		want             Granularity
	}{
		{Native, "apns", Remove, PerDevice},
		{Native, "harmony", Withhold, PerDevice},
		{Native, "xiaomi", Remove, PerDevice},
		{Native, "wecom", Remove, PerTask},
		{Native, "dingtalk", Remove, PerTask},
		{Native, "meizu", Withhold, PerTask},
		{Native, "meizu", Overwrite, PerDevice},
		{Native, "jpush", Withhold, PerTask},
		{Native, "jpush", Remove, PerTask},
		{Native, "jpush", Overwrite, PerDevice},
		{"ums", "jpush", Remove, PerTask},
		{"ums", "jpush", Overwrite, PerTask},
		{"ums", "sms", Withhold, PerTask},
		{"tpns", "meizu", Overwrite, PerDevice},
		{"timpush", "apns", Overwrite, PerDevice},
	} {
		r, _ := Lookup(c.profile, c.channel)
		if got := r.Names(c.method); got != c.want {
			t.Errorf("%s/%s: %s names a %s, want %s", c.profile, c.channel, c.method, got, c.want)
		}
	}
}

func TestWindows(t *testing.T) {
	for _, c := range []struct{ profile, channels, want string }{
		{Native, "jpush wecom dingtalk", "24 h"},
		{Native, "selfbuilt apns harmony xiaomi alipay", "-"},
		{"mpaas", "huawei vivo selfbuilt", "7 days"},
		{"mpaas", "sms", "-"},
		{"tpns", "huawei apns", "3 days"},
		{"timpush", "apns xiaomi", "24 h"},
		{"ums", "jpush wecom sms", "24 h"},
	} {
		for _, channel := range fields(c.channels) {
			r, _ := Lookup(c.profile, channel)
			if got := window(r); got != c.want {
				t.Errorf("%s/%s: window %s, want %s", c.profile, channel, got, c.want)
			}
		}
	}
}
