package ums

import "github.com/recall-ledger/recall-ledger/events"

// The statuses of a callback's item, in either direction. Source for everything
// in this file: docs.jiguang.cn/jums/advanced/callback, checked 2026-11-20.
const (
	StatusValidTarget    = 0
	StatusInvalidTarget  = 1
	StatusSubmitted      = 2
	StatusSubmitFailed   = 3
	StatusDelivered      = 4
	StatusDeliveryFailed = 5
	StatusClicked        = 6
	StatusRetracted      = 7
	StatusRetractFailed  = 8
)

// kindOf returns the fact a status states. 0, a valid target, happens to no
// notification yet; 7 and 8 are what came of the vendor's own retract.
func kindOf(status int) (events.Kind, bool) {
	switch status {
	case StatusInvalidTarget, StatusSubmitFailed, StatusDeliveryFailed:
		return events.PushFailed, true
	case StatusSubmitted:
		return events.PushSent, true
	case StatusDelivered:
		return events.DeliveryDelivered, true
	case StatusClicked:
		return events.ClickClicked, true
	}
	return "", false
}

// SenderApp is the sender of an app's push, whichever phone maker's channel it
// went by.
const SenderApp = 1

// senders pairs the numbers of senders with channels. The way back of an app's
// push is JPush's own retract of the whole message, so that is its channel here.
// The numbers are those of a public client; 8 and 9 are contradictory there and
// stand for nothing here.
func senders() map[int]string {
	return map[int]string{
		SenderApp: "jpush", 2: "wechat-oa", 3: "wechat-mp", 4: "email", 5: "sms", 6: "dingtalk", 7: "alipay", 10: "wecom",
	}
}

// channelOf returns the channel of a sender.
func channelOf(sender int) (string, bool) {
	c, ok := senders()[sender]
	return c, ok
}

// SenderOf returns the sender of a channel: every channel that UMS has no number
// for shows its notifications in an app.
func SenderOf(channel string) int {
	for number, c := range senders() {
		if c == channel {
			return number
		}
	}
	return SenderApp
}
