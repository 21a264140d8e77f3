package selfbuilt_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
	"github.com/recall-ledger/recall-ledger/events"
)

// The password is computed by other programs as well; it never changes.
func TestPasswordGolden(t *testing.T) {
	if got, expected := credentials.Password("shop", "d1"), "47IjE9urdk8_8ZIDsERli1dFyc4SIwV_S0glOtziKog"; got != expected {
		t.Errorf("password %s, want %s", got, expected)
	}
}

func TestVerify(t *testing.T) {
	long := strings.Repeat("d", events.MaxDevice)
	for _, device := range []string{"d1", "a/b", "a.b *>", "é", long} {
		g, ok := credentials.Verify(selfbuilt.User("shop", device), credentials.Password("shop", device))
		if !ok {
			t.Errorf("device %q was not let in", device)
			continue
		}
		root := "device.shop." + events.SubjectToken(device) + "."
		if expected := []string{root + "report", root + "sync"}; !slices.Equal(g.Publish, expected) {
			t.Errorf("publish %q, want %q", g.Publish, expected)
		}
		if expected := []string{root + "show", root + "instruction", root + "inbox.>"}; !slices.Equal(g.Subscribe, expected) {
			t.Errorf("subscribe %q, want %q", g.Subscribe, expected)
		}
	}
	// These have the password that fits them, and are still no users.
	for _, u := range [][2]string{{"", ""}, {"shop", ""}, {"", "d1"}, {"a.b", "d1"}, {"shop", "a\x00b"}, {"shop", long + "d"}} {
		for _, user := range []string{u[0], selfbuilt.User(u[0], u[1])} {
			if g, ok := credentials.Verify(user, credentials.Password(u[0], u[1])); ok || g.Publish != nil {
				t.Errorf("user %q was let in", user)
			}
		}
	}
	for _, password := range []string{"", "x", credentials.Password("shop", "d2"), credentials.Password("shop", "d1") + "x"} {
		if _, ok := credentials.Verify("shop/d1", password); ok {
			t.Errorf("password %q was accepted", password)
		}
	}
}

func TestShortSecretLetsNobodyIn(t *testing.T) {
	c := selfbuilt.Credentials{Secret: secret[1:]}
	if c.Validate() == nil || credentials.Validate() != nil {
		t.Error("want an error for the short secret only")
	}
	if _, ok := c.Verify("shop/d1", c.Password("shop", "d1")); ok {
		t.Error("a device was let in")
	}
}

func TestSubject(t *testing.T) {
	for _, device := range []string{"d1", "a.b/c", "*", ">", "é", "100%"} {
		for _, lane := range []selfbuilt.Lane{selfbuilt.LaneShow, selfbuilt.LaneInstruction, selfbuilt.LaneReport, selfbuilt.LaneSync} {
			s := selfbuilt.Subject("shop", device, lane)
			if strings.Count(s, ".") != 3 || strings.ContainsAny(s, "*> ") {
				t.Errorf("subject %q does not have four plain tokens", s)
			}
			a, d, l, err := selfbuilt.ParseSubject(s)
			if err != nil || a != "shop" || d != device || l != lane {
				t.Errorf("%q was read as %q, %q, %q, %v", s, a, d, l, err)
			}
		}
	}
	for _, s := range []string{
		"", "device", "device.shop.d1", "device.shop.d1.inbox", "device.shop.d1.report.x", "device..d1.report",
		"device.shop..report", "device.shop.%64.report", "device.shop.%zz.report", "recall.shop.d1.report",
	} {
		if _, _, _, err := selfbuilt.ParseSubject(s); err == nil {
			t.Errorf("%q was read", s)
		}
	}
}
