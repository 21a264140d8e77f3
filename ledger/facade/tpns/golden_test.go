package tpns

import (
	"path"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
)

// sent makes a push known under the number of a page's sample. It started now,
// or starts in an hour.
func (n *node) sent(push, audience, platform string, scheduled bool) {
	n.T.Helper()
	kind, _ := kindOf(audience)
	c := &events.Created{
		Title: "t", Audience: events.Audience{Kind: kind.kind}, Profile: facade.TPNS, SlotAuto: true,
		Labels: map[string]string{labelAudience: audience, labelPlatform: platform},
	}
	if scheduled {
		at := n.Now().Add(time.Hour)
		c.ScheduleAt = &at
	}
	n.Append("shop", push, events.PushCreated, c)
}

// crowd takes all slots until the test ends.
func crowd(slots chan struct{}) func(*testing.T) {
	return func(t *testing.T) {
		for range cap(slots) {
			slots <- struct{}{}
		}
		t.Cleanup(func() {
			for range cap(slots) {
				<-slots
			}
		})
	}
}

// Requests and answers of every endpoint, as the vendor's pages have them: the
// samples of tencentcloud.com/document/product/1024/39003, 33764, 33772 and
// 48715 and the codes of cloud.tencent.com/document/product/548/39080, all checked
// 2026-11-20. Unverified, since no page shows them: the answers of stop, revoke
// and cancel, all texts but NO_ERROR, and which code stands for a repetition and
// for what is too late. One answer of the vendor's to each would verify them.
func TestGoldens(t *testing.T) {
	missing := map[string]bool{}
	for _, e := range endpoints() {
		missing[path.Base(e.path)] = true
	}
	for _, tt := range []struct {
		file  string
		setUp func(*node, facadetest.Steps)
	}{
		{"stop_push_msg", func(n *node, steps facadetest.Steps) {
			n.sent("43214535", "all", android, false)
			n.sent("43214536", "tag", android, false)
			n.sent("43214537", "all", ios, false)
			n.sent("43214538", "token_list", android, false)
			n.sent("43214539", "all", android, false)
			steps["too many at once"] = crowd(n.handler.recalls)
			steps["too late"] = func(*testing.T) { n.Advance(maxExpire) }
		}},
		{"revoke_push_msg", func(n *node, steps facadetest.Steps) {
			n.sent("150032", "all", android, false)
			n.sent("150033", "all", android, false)
			n.expect(codeOK, stopPath, byID("150033"), shop())
			n.sent("150034", "all", ios, false)
			n.sent("150035", "token_list", android, false)
			n.sent("150036", "all", android, false)
			steps["too many at once"] = crowd(n.handler.recalls)
			steps["too late"] = func(*testing.T) { n.Advance(maxExpire) }
		}},
		{"cancel_timing_task", func(n *node, steps facadetest.Steps) {
			n.sent("15003211", "all", android, true)
			n.sent("15003212", "all", android, false)
			n.sent("15003213", "account_list", android, true)
			n.sent("15003214", "all", android, true)
			steps["too many at once"] = crowd(n.handler.recalls)
			steps["a push that has started"] = func(*testing.T) { n.Advance(time.Hour) }
		}},
		{"app", func(n *node, _ facadetest.Steps) {
			n.Let("tomorrow", n.Now().Add(24*time.Hour).In(beijing).Format(time.DateTime))
			n.Let("yesterday", n.Now().Add(-24*time.Hour).In(beijing).Format(time.DateTime))
		}},
		{"signed", func(n *node, steps facadetest.Steps) {
			n.Freeze(time.Unix(sampleTime, 0))
			n.startedAt(time.Unix(sampleTime-1, 0))
			steps["five minutes later"] = func(*testing.T) { n.Advance(skew + time.Second) }
			delete(steps, "too many at once")
			delete(steps, "the log is gone")
		}},
		{"get_push_record", func(n *node, steps facadetest.Steps) {
			n.Freeze(n.Now())
			n.Let("today", n.Now().In(beijing).Format(time.DateOnly))
			steps["too many lists at once"] = crowd(n.handler.lists)
		}},
		{"get_push_task_stat_channel", func(n *node, _ facadetest.Steps) {
			n.sent("43214535", "all", android, false)
			n.sent("43214536", "all", android, false)
			n.Fact("shop", "43214535", events.PushSent, "huawei", "a")
			n.Fact("shop", "43214535", events.PushSent, "selfbuilt", "b", "c", "d")
			n.Fact("shop", "43214535", events.DeliveryDelivered, "selfbuilt", "b", "c")
			n.Fact("shop", "43214535", events.DisplayShown, "selfbuilt", "b")
			n.Fact("shop", "43214535", events.ClickClicked, "selfbuilt", "b")
			n.Fact("shop", "43214535", events.DisplayCleared, "selfbuilt", "c")
		}},
		{"getPushListByToken", func(n *node, _ facadetest.Steps) {
			for _, sample := range []struct {
				push string
				at   int64
			}{{"590178525", 1651742807}, {"590166744", 1651741604}} {
				n.Freeze(time.Unix(sample.at, 0))
				n.sent(sample.push, "tag", android, false)
				n.Fact("shop", sample.push, events.PushSent, "xiaomi", "05a305f6b71abb3a6b8c759fd1bc56b4bb44")
			}
			n.sent("590166745", "all", android, false)
			n.Fact("shop", "590166745", events.PushSent, "xiaomi", "other")
		}},
	} {
		delete(missing, tt.file)
		t.Run(tt.file, func(t *testing.T) {
			n := start(t)
			steps := facadetest.Steps{
				"too many at once": crowd(n.handler.sends),
				"the log is gone":  func(*testing.T) { n.CloseLog() },
			}
			tt.setUp(n, steps)
			n.Replay(t, "testdata/"+tt.file+".http", steps)
		})
	}
	for file := range missing {
		t.Errorf("endpoint %s has no exchanges", file)
	}
}
