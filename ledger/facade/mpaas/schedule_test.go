package mpaas

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
)

func at(p params, t time.Time) params {
	return p.with("StrategyType", "1", "StrategyContent", fmt.Sprintf(`{"fixedTime":%d}`, t.UnixMilli()))
}

// list asks for the scheduled pushes of a time.
func (n *node) list(from, to time.Time, more ...string) scheduledPage {
	n.T.Helper()
	p := params{"StartTime": fmt.Sprint(from.UnixMilli()), "EndTime": fmt.Sprint(to.UnixMilli())}
	a := n.call("QueryPushSchedulerList", p.with(more...))
	var content struct{ Data scheduledPage }
	if err := json.Unmarshal(a.fields.ResultContent, &content); err != nil || a.fields.ResultCode != resultOK {
		n.T.Fatalf("%v: %s", err, a.Body)
	}
	return content.Data
}

func ids(p scheduledPage) string {
	var list []string
	for _, e := range p.List {
		list = append(list, e.UniqueID)
	}
	return fmt.Sprint(p.TotalCount, list)
}

func TestScheduledList(t *testing.T) {
	n := start(t, 0)
	began := n.Now()
	noon := began.Add(time.Hour).Truncate(time.Millisecond)
	a := n.call("PushSimple", at(simple("m1", "d1").with("TargetMsgkey", `{"d1":"m1","d2":"m2"}`), noon))
	n.business(t, "simple", a, resultOK, "")
	if a.fields.PushResult.Data != "m1,m2" {
		t.Errorf("the unique ids are %q", a.fields.PushResult.Data)
	}
	// Written as a text, as some clients do.
	timed := at(template("m3", "u1").with("DeliveryType", "3"), noon.Add(time.Minute))
	timed["StrategyContent"] = fmt.Sprintf(`{"fixedTime":"%d","circleValue":[1,7]}`, noon.Add(time.Minute).UnixMilli())
	n.business(t, "template", n.call("PushTemplate", timed), resultOK, "")
	task := n.call("PushBroadcast", at(broadcast("k"), noon.Add(2*time.Minute))).fields.PushResult.Data
	n.call("PushSimple", simple("now", "d1"))
	n.call("PushSimple", at(simple("elsewhere", "d1").with("AppId", "APP2"), noon))
	n.callBy(keyOther, "PushSimple", at(simple("foreign", "d1"), noon))
	n.Append(appShop, "native", events.PushCreated, &events.Created{Audience: events.Audience{Kind: events.AudienceAll}, ScheduleAt: &noon})

	day := noon.Add(24 * time.Hour)
	all := n.list(began, day)
	if got, want := ids(all), fmt.Sprint(4, []string{"m1", "m2", "m3", task}); got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	got := all.List[2]
	if created := time.UnixMilli(got.GmtCreate); created.Before(began.Add(-time.Second)) || created.After(n.Now()) {
		t.Errorf("it was created at %s", created)
	}
	want := scheduled{
		UniqueID: "m3", ParentID: "m3", PushTime: noon.Add(time.Minute).UnixMilli(), PushTitle: "For John",
		PushContent: "John won 200 yuan, #1 of many", Type: 1, DeliveryType: 3, StrategyType: 1, GmtCreate: got.GmtCreate,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the entry differs (-want +got):\n%s", d)
	}
	for _, tt := range []struct {
		from, to time.Time
		more     []string
		want     string
	}{
		{noon, noon, nil, "2 [m1 m2]"},
		{noon.Add(time.Millisecond), day, nil, "2 [m3 " + task + "]"},
		{began, day, []string{"Type", "0"}, "2 [m1 m2]"},
		{began, day, []string{"Type", "2"}, "0 []"},
		{began, day, []string{"Type", "3"}, "1 [" + task + "]"},
		{began, day, []string{"PageSize", "3"}, "4 [m1 m2 m3]"},
		{began, day, []string{"PageSize", "3", "PageNumber", "2"}, "4 [" + task + "]"},
		{began, day, []string{"PageSize", "3", "PageNumber", "3"}, "4 []"},
		{began, day, []string{"UniqueId", "m2"}, "1 [m2]"},
		{began, day, []string{"UniqueId", "now"}, "0 []"},
		{began, day, []string{"UniqueId", "native"}, "0 []"},
		{began, day, []string{"UniqueId", "foreign"}, "0 []"},
		{began, day, []string{"UniqueId", "elsewhere"}, "0 []"},
		{began, day, []string{"UniqueId", "elsewhere", "AppId", "APP2"}, "1 [elsewhere]"},
	} {
		if got := ids(n.list(tt.from, tt.to, tt.more...)); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.more, got, tt.want)
		}
	}
	n.Advance(time.Hour + time.Second)
	if p := n.list(began, noon); p.List[0].ExecutedStatus != 1 {
		t.Errorf("it has started and is listed as %+v", p.List[0])
	}
}

// A list goes through all pages of an app's pushes.
func TestListBehindManyOthers(t *testing.T) {
	n := start(t, 0)
	noon := n.Now().Add(time.Hour)
	n.call("PushSimple", at(simple("m1", "d1"), noon))
	many := make([]*events.Event, 0, 1100)
	for i := range cap(many) {
		many = append(many, &events.Event{
			Header: events.Header{Kind: events.PushSent, Push: fmt.Sprint("other-", i), Time: n.Now()},
			Data:   &events.Fact{Channel: "apns", Devices: []string{"d1"}},
		})
	}
	if _, err := n.Desk.Facts(context.Background(), appShop, many...); err != nil {
		t.Fatal(err)
	}
	if got := ids(n.list(noon.Add(-time.Minute), noon.Add(time.Minute))); got != "1 [m1]" {
		t.Errorf("listed are %s", got)
	}
}

func TestCancel(t *testing.T) {
	n := start(t, 0)
	noon := n.Now().Add(time.Hour)
	n.call("PushSimple", at(simple("", "").with("TargetMsgkey", `{"d1":"m1","d2":"m2","d3":"m3"}`), noon))
	task := n.call("PushMultiple", at(multiple("u1", "k1"), noon)).fields.PushResult.Data
	n.call("PushSimple", simple("now", "d1"))
	cancel := func(what, list, code, reason string) {
		t.Helper()
		a := n.call("CancelPushScheduler", params{"UniqueIds": list})
		var content string
		if err := json.Unmarshal(a.fields.ResultContent, &content); err != nil || a.fields.ResultCode != code || !strings.Contains(content, reason) {
			t.Errorf("%s: got %s, want %s %s", what, a.Body, code, reason)
		}
	}
	a := n.callBy(keyOther, "CancelPushScheduler", params{"UniqueIds": "m1"})
	if !strings.Contains(a.Body, `no push \"m1\" is known`) {
		t.Errorf("another app's key: %s", a.Body)
	}
	cancel("nothing", "", resultInvalid, "mandatory")
	cancel("not scheduled", "now", resultInvalid, "was not scheduled")
	cancel("some", "m1,nobody, "+task, resultInvalid, `1 of 3 were not cancelled: no push "nobody" is known`)
	cancel("again", "m1", resultInvalid, "already taken back")
	cancel("one", "m2", resultOK, "SUCCESS")
	cancel("too many", strings.Repeat("m,", MaxCancel), resultInvalid, "the limit is 100")
	for id, want := range map[string]string{"m1": "cancelled", "m2": "cancelled", task: "cancelled", "m3": "scheduled", "now": "sending"} {
		if got := n.Push(appShop, id).Status; got != want {
			t.Errorf("%s is %s, want %s", id, got, want)
		}
	}
	if got := ids(n.list(noon.Add(-time.Hour), noon.Add(time.Hour))); got != "1 [m3]" {
		t.Errorf("listed are %s", got)
	}
	n.Advance(2 * time.Hour)
	cancel("too late", "m3", resultInvalid, "has started")
}

func TestListParameters(t *testing.T) {
	n := start(t, 0)
	for _, tt := range []struct {
		p      params
		reason string
	}{
		{params{}, "mandatory"},
		{params{"StartTime": "1"}, "mandatory"},
		{params{"StartTime": "2", "EndTime": "1"}, "before"},
		{params{"StartTime": "x", "EndTime": "1"}, "StartTime"},
		{params{"StartTime": "1", "EndTime": "2", "PageNumber": "0"}, "PageNumber"},
		{params{"StartTime": "1", "EndTime": "2", "PageSize": "501"}, "PageSize"},
		{params{"StartTime": "1", "EndTime": "2", "Type": "x"}, "Type"},
	} {
		a := n.call("QueryPushSchedulerList", tt.p)
		if a.fields.ResultCode != resultInvalid || !strings.Contains(a.fields.ResultMessage, tt.reason) || !strings.Contains(a.Body, `"List":[]`) {
			t.Errorf("%v: %s", tt.p, a.Body)
		}
	}
}
