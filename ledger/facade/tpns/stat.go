package tpns

import (
	"context"

	"github.com/recall-ledger/recall-ledger/projections"
)

// channelStat is the funnel of a push on one of the vendor's channels.
type channelStat struct {
	Channel string    `json:"channel"`
	State   pushState `json:"pushState"`
}

// pushState counts devices (cloud.tencent.com/document/product/548/39076, checked
// 2026-11-20).
type pushState struct {
	// Active were to get it, Online were handed to the channel.
	Active uint32 `json:"pushActiveUv"`
	Online uint32 `json:"pushOnlineUv"`
	// Verify and Callback are the arrivals on the vendor's own channels and on
	// others; Arrival is what newer clients read instead.
	Verify   uint32 `json:"verifySvcUv"`
	Callback uint32 `json:"callbackVerifySvcUv"`
	Arrival  uint32 `json:"arrivalUv"`
	Shown    uint32 `json:"verifyUv"`
	Clicked  uint32 `json:"clickUv"`
	Cleared  uint32 `json:"cleanupUv"`
}

// statChannels are the vendor's names of channels. A channel that it does not
// have keeps its own.
var statChannels = map[string]string{
	"selfbuilt": "xg", "huawei": "hw", "huawei-emui9": "hw", "xiaomi": "xm", "meizu": "mz",
	"fcm": "fcm", "fcm-data": "fcm",
}

func (h *Handler) statistics(ctx context.Context, c *call) (any, error) {
	var q idRequest
	if err := parse(c.body, &q); err != nil {
		return nil, err
	}
	p, err := h.known(ctx, c, q)
	if err != nil {
		return nil, err
	}
	return recordAnswer{ErrMsg: noError, Stats: stats(p)}, nil
}

// stats sums a push's channels under the vendor's names, and all of them.
func stats(p *projections.Push) []channelStat {
	list, all := []channelStat{}, pushState{}
	place := map[string]int{}
	for _, ch := range p.Channels {
		name := orElse(statChannels[ch.Channel], ch.Channel)
		i, known := place[name]
		if !known {
			i = len(list)
			place[name] = i
			list = append(list, channelStat{Channel: name})
		}
		s := stateOf(name, ch)
		list[i].State.add(s)
		all.add(s)
	}
	return append(list, channelStat{"all", all})
}

func stateOf(name string, ch projections.PushChannel) pushState {
	f := ch.Funnel
	// Not every channel reports every step, and a later one implies the earlier.
	arrived := max(f["delivered"], f["shown"])
	s := pushState{
		Active: ch.Notifications, Online: max(f["sent"], arrived), Arrival: arrived,
		Shown: f["shown"], Clicked: f["clicked"], Cleared: f["cleared"],
	}
	if name == "xg" || name == "fcm" {
		s.Verify = arrived
	} else {
		// The page shows what was handed over as the arrivals of other channels,
		// and their receipts apart.
		s.Verify, s.Callback = s.Online, arrived
	}
	return s
}

func (s *pushState) add(o pushState) {
	s.Active += o.Active
	s.Online += o.Online
	s.Verify += o.Verify
	s.Callback += o.Callback
	s.Arrival += o.Arrival
	s.Shown += o.Shown
	s.Clicked += o.Clicked
	s.Cleared += o.Cleared
}
