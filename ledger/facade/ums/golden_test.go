package ums

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
)

// Requests and answers of every endpoint, as the vendor's pages have them:
// docs.jiguang.cn/jums/server/rest_api_jums_retract_message,
// rest_api_jums_custom_message, message_code, http_status_code, and
// jums/advanced/callback, all checked 2026-11-20. Unverified, since no page shows
// them: all texts but success and that of 1015055, code 4004 for a msgid that is
// unknown or too old, and what answers a receiver's statuses. One answer of the
// vendor's to each would verify them.
func TestGoldens(t *testing.T) {
	missing := meanings()
	none := func(*node, facadetest.Steps) {}
	for _, tt := range []struct {
		file  string
		setUp func(*node, facadetest.Steps)
	}{
		{"retract", func(n *node, steps facadetest.Steps) {
			for id, profile := range map[string]string{theMsgID: facade.UMS, "v:1t:1603707455p:27133n:4": facade.UMS, "v:1t:1603707455p:27133n:5": facade.TIMPush} {
				n.Record("shop", id, profile)
			}
			// Profile timpush allows one recall per second, profile ums any.
			steps["too often"] = func(*testing.T) { n.Freeze(n.Push("shop", theMsgID).Recalls[0].At) }
			steps["a day later"] = func(*testing.T) { n.Advance(ledger.Day) }
			steps["the log is gone"] = func(*testing.T) { n.CloseLog() }
		}},
		{"sent", func(n *node, _ facadetest.Steps) { n.Let("users", strings.Repeat(`"u",`, maxUsers)+`"u"`) }},
		{"broadcast", none},
		{"template_sent", none},
		{"template_broadcast", none},
		{"callback", none},
	} {
		file := "testdata/" + tt.file + ".http"
		text := string(facadetest.Must(os.ReadFile(file))(t))
		maps.DeleteFunc(missing, func(c code, _ meaning) bool { return strings.Contains(text, fmt.Sprintf(`{"code":%d,`, c)) })
		t.Run(tt.file, func(t *testing.T) {
			n := start(t)
			steps := facadetest.Steps{"the log is gone": func(*testing.T) { n.StopCommitter() }}
			tt.setUp(n, steps)
			n.Replay(t, file, steps)
		})
	}
	for c := range missing {
		t.Errorf("code %d is in no exchange", c)
	}
}
