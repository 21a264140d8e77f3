package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/projections"
)

func TestWords(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{number(0), "0"}, {number(999), "999"}, {number(1000), "1,000"}, {number(uint32(1234567)), "1,234,567"},
		{number(-1234), "-1,234"}, {number(uint64(1<<64 - 1)), "18,446,744,073,709,551,615"},
		{plural(1, "device", "devices"), "1 device"}, {plural(2000, "device", "devices"), "2,000 devices"},
		{span(0), "0s"}, {span(1500 * time.Microsecond), "2ms"}, {span(59 * time.Second), "59s"}, {span(time.Hour), "1h"},
		{span(7*24*time.Hour - time.Second), "6d 23h"}, {span(24*time.Hour + time.Minute), "1d"}, {span(-time.Minute), "-1m"},
		{size(0), "0 B"}, {size(1023), "1023 B"}, {size(1024), "1 KiB"}, {size(1536), "1.5 KiB"}, {size(int64(64 << 30)), "64 GiB"},
		{percent(0), "0.0%"}, {percent(99.99), "99.9%"}, {percent(100), "100.0%"},
		{milliseconds(0), "-"}, {milliseconds(16), "16ms"}, {milliseconds(90_000), "1m 30s"},
		{instant(time.Time{}), "-"},
		{left(time.Unix(100, 0), time.Unix(100, 0)), "closed"}, {left(time.Unix(160, 0), time.Unix(100, 0)), "1m left"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// painter returns a printer into a buffer.
func painter(color bool) (*printer, *bytes.Buffer) {
	var b bytes.Buffer
	return &printer{out: &b, errs: &b, color: color}, &b
}

func compare(t *testing.T, got, want string) {
	t.Helper()
	want = strings.TrimPrefix(want, "\n")
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	for line := range strings.Lines(got) {
		if n := text.StringWidthWithoutEscSequences(strings.TrimSuffix(line, "\n")); n > 100 {
			t.Errorf("a line is %d columns wide: %s", n, line)
		}
		if strings.HasSuffix(line, " \n") {
			t.Errorf("a line ends in spaces: %q", line)
		}
	}
}

func millions() *projections.Push {
	return &projections.Push{
		App: "shop", Push: "order-4711", Status: "sent", Start: time.Date(2026, 11, 20, 9, 41, 0, 0, time.UTC),
		Created: &events.Created{
			Title: "Autumn\x1b[2J sale, everything for 1 ¥ and more", Body: "b",
			Audience: events.Audience{Kind: "tag", Names: []string{"vip", "上海"}}, Slot: "sale",
		},
		Channels: []projections.PushChannel{
			{Channel: "apns", Notifications: 1_500_000, Certain: 900_000, Possible: 500_000,
				Funnel: map[string]uint32{"sent": 1_500_000, "delivered": 1_400_000, "shown": 1_000_000, "clicked": 100_000, "cleared": 2, "failed": 3, "expired": 4, "removed": 5}},
			{Channel: "huawei-emui9", Notifications: 3_500_000, Possible: 3_500_000, Funnel: map[string]uint32{"sent": 3_500_000}},
		},
	}
}

func TestPushTable(t *testing.T) {
	p, b := painter(false)
	if err := p.push(millions()); err != nil {
		t.Fatal(err)
	}
	compare(t, b.String(), `
push       order-4711
app        shop
status     sent
started    2026-11-20T09:41:00Z
title      Autumn sale, everything for 1 ¥ and more
body       b
audience   tag: vip, 上海
slot       sale

CHANNEL            SENT  DELIVERED      SHOWN  CLICKED  CLEARED  FAILED  EXPIRED  REMOVED
apns          1,500,000  1,400,000  1,000,000  100,000        2       3        4        5
huawei-emui9  3,500,000          0          0        0        0       0        0        0
all           5,000,000  1,400,000  1,000,000  100,000        2       3        4        5

CHANNEL       CERTAIN   POSSIBLE
apns          900,000    500,000
huawei-emui9        0  3,500,000
all           900,000  4,000,000
`)
}

func TestPushList(t *testing.T) {
	p, b := painter(false)
	if err := p.pushes([]projections.Push{*millions(), {Push: "p", Status: "scheduled"}}); err != nil {
		t.Fatal(err)
	}
	compare(t, b.String(), `
PUSH        STATUS     STARTED                 SENT TO    HOLDERS  TITLE
order-4711  sent       2026-11-20T09:41:00Z  5,000,000  4,900,000  Autumn sale, everything…
p           scheduled  -                             0          0
`)
}

func TestPreviewTable(t *testing.T) {
	p, b := painter(false)
	counts := decision.PreviewCounts{Certain: 1_000_000, Possible: 2_000_000, Vanish: 3_000_000, Ended: 1_234, Clicked: 1_200}
	v := &decision.Preview{
		Push: "p", Action: channels.Override, Position: events.Position{Seq: 1742}, WindowLeft: 3600,
		Channels: []decision.PreviewChannel{
			{Channel: "selfbuilt", Plan: channels.Plan{Method: channels.Remove}, PreviewCounts: counts},
			{Channel: "vivo", Plan: channels.Plan{Method: channels.Overwrite, Forced: true, Why: "the channel cannot replace; the new notification is shown beside the old one"}},
		},
		Total: counts,
	}
	if err := p.preview(api.RecallRequest{Push: "p", Action: channels.Override, Scope: events.Scope{User: "u\x1b[1m"}}, v); err != nil {
		t.Fatal(err)
	}
	compare(t, b.String(), `
override of push p on the devices of user u, as of position 0-1742, window: 1h left

CHANNEL    METHOD         CERTAIN   POSSIBLE     VANISH  NOTICE  WITHHELD  UNREACHABLE  LEFT ALONE
selfbuilt  remove       1,000,000  2,000,000  3,000,000       0         0            0       1,234
vivo       overwrite *          0          0          0       0         0            0           0
all                     1,000,000  2,000,000  3,000,000       0         0            0       1,234

1,200 devices have clicked on it already and will be left alone.

vivo *: the channel cannot replace; the new notification is shown beside the old one
`)
}

func account() *projections.Recall {
	c := projections.RecallCounts{Planned: 1_000_000, Late: 10, Pending: 5, Accepted: 900_000, Confirmed: 99_000, Refused: 5, Skipped: 1_000}
	return &projections.Recall{
		Push: "order-4711", Recall: "r-1", Action: "recall", State: ledger.Running, Reason: "wrong\x07 price",
		Position: events.Position{Seq: 7}, At: time.Date(2026, 11, 20, 9, 41, 0, 0, time.UTC), Deadline: time.Date(2026, 11, 27, 9, 41, 0, 0, time.UTC),
		Percent: 99.9995, Total: c, Channels: []projections.RecallChannel{{Channel: "selfbuilt", RecallCounts: c, T50: 8, T95: 100, T99: 12_000}},
	}
}

func TestRecallTable(t *testing.T) {
	p, b := painter(false)
	if err := p.recall(account(), time.Date(2026, 11, 20, 10, 41, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	compare(t, b.String(), `
recall     r-1
push       order-4711
action     recall
state      running, window: 6d 23h left
reason     wrong price
accepted   2026-11-20T09:41:00Z at position 0-7
progress   99.9%, 1,000,005 of 1,000,010 notifications

CHANNEL      PLANNED  LATE  PENDING  ACCEPTED  CONFIRMED  REFUSED  SKIPPED  T50  T99
selfbuilt  1,000,000    10        5   900,000     99,000        5    1,000  8ms  12s
`)
}

// Colours are only where they are asked for, and never change the words.
func TestColour(t *testing.T) {
	var plain string
	for _, color := range []bool{false, true} {
		p, b := painter(color)
		if err := p.recalls([]projections.Recall{*account()}); err != nil {
			t.Fatal(err)
		}
		switch got := b.String(); {
		case !color:
			plain = got
			if strings.Contains(got, "\x1b") {
				t.Errorf("there are colours in %q", got)
			}
		case !strings.Contains(got, yellow+"running"+plainC):
			t.Errorf("running is not yellow in %q", got)
		case text.StripEscape(got) != plain:
			t.Errorf("without colours %q is not %q", got, plain)
		}
	}
}
