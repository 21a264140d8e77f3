package callback

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
)

type funnels = map[string]map[string]uint32

// TestRecordedCalls replays what the vendors send, twice: what is reported again
// counts once (L4).
func TestRecordedCalls(t *testing.T) {
	for file, want := range map[string]funnels{
		"huawei":  {"huawei": {"delivered": 3, "failed": 2, "clicked": 1}},
		"harmony": {"harmony": {"delivered": 1, "failed": 1}},
		"honor":   {"honor": {"delivered": 2, "failed": 1}},
		"xiaomi":  {"xiaomi": {"delivered": 3, "clicked": 1, "failed": 1}},
		"oppo":    {"oppo": {"delivered": 2, "failed": 2}},
		"vivo":    {"vivo": {"delivered": 2}},
		"fcm":     {"fcm": {"sent": 1, "delivered": 2, "failed": 1, "clicked": 1}},
		"generic": {"apns": {"sent": 3, "failed": 1, "delivered": 1, "expired": 1, "shown": 2, "cleared": 1, "clicked": 1}},
		"jpush":   {"jpush": {"delivered": 1}},
	} {
		t.Run(file, func(t *testing.T) {
			n := start(t, facadetest.Config{})
			n.Record("shop", push, "")
			for range 2 {
				n.Replay(t, "testdata/"+file+".http", nil)
				if diff := cmp.Diff(want, n.Funnels("shop", push)); diff != "" {
					t.Errorf("funnel (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestFactsAsTold: time, reason, users and send arrive as they were reported, and
// the vendor's texts and tokens do not arrive in the log of the node.
func TestFactsAsTold(t *testing.T) {
	n := start(t, facadetest.Config{})
	n.Record("shop", push, "")
	since := n.End()
	for _, file := range []string{"oppo", "generic"} {
		n.Replay(t, "testdata/"+file+".http", nil)
	}
	got := map[string]string{}
	err := n.Part.Log.Read(context.Background(), events.Range{From: since.Seq + 1}, func(m events.Message) error {
		e, err := events.Decode(m.Data)
		if err != nil {
			return err
		}
		f := e.Data.(*events.Fact)
		got[fmt.Sprint(f.Channel, " ", e.Kind, " ", f.Reason)] = fmt.Sprintf("%s %q %q %s", e.Time.UTC().Format(time.TimeOnly), f.Devices, f.Users, f.Send)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"oppo delivery.delivered ":          `09:40:57 ["op-a" "op-b"] [] `,
		"oppo push.failed regid_invalid":    `09:40:57 ["op-c"] [] `,
		"oppo push.failed user_daily_limit": `09:40:57 ["op-d"] [] `,
		"apns push.sent ":                   `09:40:00 ["ap-a" "ap-b" "ap-c"] ["ann" "" "bob"] s1`,
		"apns push.failed Unregistered":     `09:40:01 ["ap-d"] [] `,
		"apns delivery.delivered ":          `09:41:00 ["ap-a"] [] `,
		"apns delivery.expired ttl":         `09:41:00 ["ap-c"] [] `,
		"apns display.shown ":               `09:41:00 ["ap-a" "ap-b"] [] `,
		"apns display.cleared ":             `09:41:00 ["ap-b"] [] `,
		"apns click.clicked ":               `09:41:00 ["ap-a"] [] `,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	log := n.Logged()
	for _, line := range []string{`reason="unknown type" items=1`, `reason="not of the documented form" items=1`} {
		if !strings.Contains(log, line) {
			t.Errorf("the log does not say %s: %s", line, log)
		}
	}
	for _, secret := range []string{"op-a", "op-e", oppoKey, signKey, "push_seen"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log tells %s: %s", secret, log)
		}
	}
}

// TestDevicesArePacked: the devices of one push, kind and second make one event,
// up to what an event holds.
func TestDevicesArePacked(t *testing.T) {
	n := start(t, facadetest.Config{})
	n.Record("shop", push, "")
	since := n.End()
	var items []string
	for i := range 1500 {
		if i%2 == 0 {
			items = append(items, fmt.Sprintf(`{"registrationIds":"op-%d,op-%d","eventTime":"%d","param":"order-4711","eventType":"push_arrive"}`, i, i+1, noon().UnixMilli()-1000+int64(i%900)))
		}
	}
	n.status("the call", n.call("/callbacks/oppo/shop?token="+oppoKey, "["+strings.Join(items, ",")+"]"), 200)
	if end := n.End(); end.Seq-since.Seq != 2 {
		t.Errorf("1500 devices make %d events, want 2", end.Seq-since.Seq)
	}
	if diff := cmp.Diff(funnels{"oppo": {"delivered": 1500}}, n.Funnels("shop", push)); diff != "" {
		t.Error(diff)
	}
}

// TestAppIsTheAddress: another app's push id in a body makes a push of one's own (L10).
func TestAppIsTheAddress(t *testing.T) {
	n := start(t, facadetest.Config{})
	n.Record("shop", push, "")
	body := `[{"registrationIds":"d","eventTime":"","param":"order-4711","eventType":"push_arrive","appId":"shop"}]`
	n.status("the bank's", n.call("/callbacks/oppo/bank?token="+bankKey, body), 200)
	if got := n.Funnels("shop", push); len(got) != 0 {
		t.Errorf("the shop's push has %v", got)
	}
	if diff := cmp.Diff(funnels{"oppo": {"delivered": 1}}, n.Funnels("bank", push)); diff != "" {
		t.Error(diff)
	}
	since := n.End()
	n.status("the shop's address with the bank's token", n.call("/callbacks/oppo/shop?token="+bankKey, body), 401)
	fact := `{"kind":"click.clicked","app":"bank","push":"order-4711","devices":["d"]}`
	n.status("a fact that names an app", n.call("/callbacks/apns", fact, sign(signKey, "m", noon(), fact)...), 400)
	n.unchanged("what was refused", since)
}

// TestIDsInAddresses: an id that is left out is that of the channel's only account.
func TestIDsInAddresses(t *testing.T) {
	n := start(t, facadetest.Config{})
	n.Record("shop", push, "")
	fact := `{"kind":"click.clicked","push":"order-4711","devices":["d"]}`
	for path, status := range map[string]int{
		"/callbacks/huawei": 200, "/callbacks/huawei/": 200, "/callbacks/huawei/main": 200, "/callbacks/huawei/other": 401,
		"/callbacks/huawei/main/more": 401, "/callbacks/apns": 401, "/callbacks/oppo": 401, "/callbacks/": 401,
	} {
		n.status(path, n.call(path, fact, sign(hwKey, "m", noon(), fact)...), status)
	}
}

// Every row names a channel of the matrix once, and where it is described.
func TestForms(t *testing.T) {
	known := map[string]bool{}
	for _, r := range channels.Rows() {
		known[r.Channel] = true
	}
	if got, want := len(forms()), len(Forms()); got != want {
		t.Errorf("%d channels have a form, %d rows are there", got, want)
	}
	for _, f := range Forms() {
		if _, err := time.Parse(time.DateOnly, f.Checked); !known[f.Channel] || err != nil || f.Source == "" || f.parse == nil {
			t.Errorf("the row of %s is not complete", f.Channel)
		}
		if f.Proof != Signature && f.Carrier == "" {
			t.Errorf("the row of %s does not say where the push id goes", f.Channel)
		}
	}
}
