package main

import (
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/ledger/whatif"
)

func TestExposed(t *testing.T) {
	const day = 24 * 60 * 60 * 1000
	for e, want := range map[whatif.Exposure]string{
		0:                  "0s",
		1_500:              "1s",
		546_000:            "9m 6s",
		999*day + 3600e3:   "999d 1h",
		1_000 * day:        "1,000d",
		40_000_000 * day:   "40,000,000d", // more nanoseconds than an integer holds
		40_000_000*day - 1: "39,999,999d",
	} {
		if got := exposed(e); got != want {
			t.Errorf("%d ms are written %s, want %s", int64(e), got, want)
		}
	}
}

// What a channel does is one word, and a time stands only where it is of use.
func TestWay(t *testing.T) {
	for _, c := range []struct {
		channel     whatif.Channel
		way, clears string
	}{
		{whatif.Channel{Method: channels.Remove, Clear: 2e9, ClearFrom: whatif.FromRecall}, "remove", "2s"},
		{whatif.Channel{Method: channels.Remove, ClearFrom: whatif.Unknown}, "remove", "-"},
		{whatif.Channel{Method: channels.None, Clear: 2e9, ClearFrom: whatif.Given}, "none", "-"},
		{whatif.Channel{Method: channels.Overwrite, Forced: true, Clear: 2e9, ClearFrom: whatif.FromRecall}, "beside", "-"},
	} {
		if got := way(&c.channel); got != c.way {
			t.Errorf("%+v: %s, want %s", c.channel, got, c.way)
		}
		if got := clearsIn(&c.channel); got != c.clears {
			t.Errorf("%+v: %s, want %s", c.channel, got, c.clears)
		}
	}
}
