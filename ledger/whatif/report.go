package whatif

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// ErrUnknownPush means that the logs hold no event of the push.
var ErrUnknownPush = errors.New("the log holds no event of the push")

// Assumptions are what a report counts and takes for granted, for people.
const Assumptions = `What is counted, of each notification of the push:
    clicks     those that happened after the earlier recall had cleared it
    displays   those first reported after that
    exposure   the time it stood displayed and unclicked after that: until it was
               clicked, cleared or taken back in fact, or else until the newest
               event of the push. Without a reported display it is not counted.
What is assumed:
  - The earlier recall has the action of the real one (recall where there is none)
    and clears every device of a channel at T plus the channel's typical time. By
    then half of those the real recall cleared there were cleared: confirmed by
    the device or, without that, accepted by the vendor; late arrivals are left
    out. Where that is not known it is --clear, and without it nothing is saved on
    the channel. Close to the real recall the answer is rough, since half of the
    devices took longer.
  - The real recall is the first of the whole push that was not aborted, one that
    takes back displayed notifications before one that only withholds.
  - Where the channel offers no way back nothing is saved, nor for a device whose
    command of the real recall was refused, unsupported or came too late. Where
    only what is undelivered can be withheld, as by a terminate, only those are
    saved that had not reached the device by then.
  - The sender's gate is not counted: on a channel with no way back an earlier
    recall would still have stopped what was not yet handed over.`

// Report is what an earlier recall of a push would have saved.
type Report struct {
	App  string `json:"app"`
	Push string `json:"push"`
	// Start is when the push began, AsOf is the time of its newest event.
	Start time.Time `json:"start"`
	AsOf  time.Time `json:"as_of"`
	// RecallAt is when the recall is supposed to be accepted.
	RecallAt time.Time `json:"recall_at"`
	// Real is the recall there was, nil without one.
	Real *Real `json:"real,omitempty"`
	// NotEarlier is true when RecallAt is not before the real recall, so that
	// nothing is saved.
	NotEarlier bool      `json:"not_earlier,omitempty"`
	Channels   []Channel `json:"channels"`
	Total      Figures   `json:"total"`
}

// Real is the recall that really happened.
type Real struct {
	Recall string             `json:"recall"`
	Action string             `json:"action"`
	State  ledger.RecallState `json:"state"`
	At     time.Time          `json:"at"`
}

// Source says where the typical time of a channel is from.
type Source string

// The sources.
const (
	FromRecall Source = "recall"
	Given      Source = "given"
	Unknown    Source = "unknown"
)

// Channel is what would have been saved on one channel.
type Channel struct {
	Channel string
	// Method is how a recall reaches the channel; Forced means that it shows the
	// new notification beside the old one.
	Method channels.Method
	Forced bool
	// Clear is the typical time until a device is cleared.
	Clear     time.Duration
	ClearFrom Source
	Figures
}

// MarshalJSON writes the typical time in milliseconds, null where it is unknown.
func (c Channel) MarshalJSON() ([]byte, error) {
	v := struct {
		Channel   string          `json:"channel"`
		Method    channels.Method `json:"method"`
		Forced    bool            `json:"forced,omitempty"`
		Clear     *float64        `json:"clear_ms"`
		ClearFrom Source          `json:"clear_from"`
		Figures
	}{Channel: c.Channel, Method: c.Method, Forced: c.Forced, ClearFrom: c.ClearFrom, Figures: c.Figures}
	if c.ClearFrom != Unknown {
		ms := float64(c.Clear.Microseconds()) / 1000
		v.Clear = &ms
	}
	return json.Marshal(v)
}

// Figures count notifications.
type Figures struct {
	Notifications int `json:"notifications"`
	// What happened, and how much of it would not have.
	Clicks        int      `json:"clicks"`
	ClicksSaved   int      `json:"clicks_saved"`
	Displays      int      `json:"displays"`
	DisplaysSaved int      `json:"displays_saved"`
	Exposure      Exposure `json:"exposure_seconds"`
	ExposureSaved Exposure `json:"exposure_saved_seconds"`
	// OnScreen are still displayed as far as is known; their exposure goes on.
	OnScreen int `json:"on_screen"`
	// Silent were sent or delivered and reported nothing since: whether and how
	// long they were displayed is not known.
	Silent int `json:"silent"`
}

// Exposure is time summed over devices, in milliseconds: the nanoseconds of a
// large push do not fit.
type Exposure int64

// MarshalJSON writes seconds.
func (e Exposure) MarshalJSON() ([]byte, error) { return json.Marshal(float64(e) / 1000) }

func exposure(from, to moment) Exposure {
	if to <= from {
		return 0
	}
	return Exposure(time.Duration(to - from).Milliseconds())
}

func (f *Figures) add(o Figures) {
	f.Notifications += o.Notifications
	f.Clicks += o.Clicks
	f.ClicksSaved += o.ClicksSaved
	f.Displays += o.Displays
	f.DisplaysSaved += o.DisplaysSaved
	f.Exposure += o.Exposure
	f.ExposureSaved += o.ExposureSaved
	f.OnScreen += o.OnScreen
	f.Silent += o.Silent
}
