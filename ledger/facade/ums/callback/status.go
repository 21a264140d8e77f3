package callback

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/facade/ums"
)

// item is one status of one device, with the names of docs.jiguang.cn/jums/
// advanced/callback, checked 2026-11-20.
//
// Unverified, to be compared with callbacks of the real service:
//   - app_platform, the device's system, is left out: its numbers are not known,
//     and the ledger does not know the system.
//   - sender of a channel that UMS does not have is 1, the app. The numbers of
//     app_sender are those of a public client, which passes over 7.
//   - What error.code says in 1, 3, 5 and 8 is not known; see errorOf.
//   - sent_time is when it happened, by the event.
type item struct {
	Type       int    `json:"type"`
	ChannelKey string `json:"channelkey"`
	MsgID      string `json:"msgid"`
	// UserID is "" where the ledger does not know the device's user.
	UserID string `json:"userid"`
	// SenderID is the device.
	SenderID  string `json:"sender_id"`
	Sender    int    `json:"sender"`
	AppSender *int   `json:"app_sender,omitempty"`
	// SentTime is in Unix seconds.
	SentTime int64           `json:"sent_time"`
	Error    *failure        `json:"error,omitempty"`
	Params   json.RawMessage `json:"params,omitempty"`
}

type failure struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// notice is what an event says of its devices.
type notice struct {
	item
	devices, users []string
}

// at returns the item of one device.
func (n *notice) at(i int) item {
	it := n.item
	it.SenderID = n.devices[i]
	if len(n.users) > 0 {
		it.UserID = n.users[i]
	}
	return it
}

// read returns what an event says to the service that sent the push; nil when
// it has no status.
func read(e *events.Event, p *ledger.Push) *notice {
	var status int
	var reason string
	n := &notice{}
	switch d := e.Data.(type) {
	case *events.Fact:
		status, reason = factStatus(e.Kind, d.Reason), d.Reason
		n.devices, n.users = d.Devices, d.Users
		n.Sender, n.AppSender = senderOf(d.Channel)
	case *events.Outcome:
		status, reason = outcomeStatus(e.Kind, d, p), d.Reason
		n.devices = d.Devices
		n.Sender, n.AppSender = senderOf(d.Channel)
	default:
		return nil
	}
	if status == none {
		return nil
	}
	n.Type, n.MsgID, n.SentTime = status, e.Push, e.Time.Unix()
	n.ChannelKey, n.Params = p.Created.Labels[ums.LabelKey], ums.Params(p.Created.Labels)
	n.Error = errorOf(status, e.Kind, reason)
	if a := p.Created.Audience; a.Kind == events.AudienceUser && len(a.Names) == 1 {
		n.UserID, n.users = a.Names[0], nil
	}
	return n
}

// none is no status. StatusValidTarget is never sent: no fact says of a device
// that a push could go there before it did.
const none = -1

func factStatus(k events.Kind, reason string) int {
	switch k {
	case events.PushSent:
		return ums.StatusSubmitted
	case events.PushFailed:
		if invalidTarget(reason) {
			return ums.StatusInvalidTarget
		}
		return ums.StatusSubmitFailed
	case events.DeliveryDelivered:
		return ums.StatusDelivered
	case events.DeliveryExpired:
		return ums.StatusDeliveryFailed
	case events.ClickClicked:
		return ums.StatusClicked
	}
	return none // UMS has no status for what is shown or cleared
}

// invalidTarget reports whether a failure says that the device's token is dead:
// the ledger's own word for it, or one of APNs or FCM that means just that and
// no wrong configuration (developer.apple.com/documentation/usernotifications/
// handling-notification-responses-from-apns, firebase.google.com/docs/
// cloud-messaging/error-codes, both checked 2026-11-20).
func invalidTarget(reason string) bool {
	word, _, _ := strings.Cut(reason, ":")
	return map[string]bool{
		channels.ReasonDeadToken: true, "unregistered": true, "expiredtoken": true, "baddevicetoken": true,
	}[strings.ToLower(word)]
}

// outcomeStatus returns what came of a retract. See the package's comment for
// why a device has one 7.
func outcomeStatus(k events.Kind, o *events.Outcome, p *ledger.Push) int {
	r := p.Find(o.Recall)
	if r == nil || r.Action != string(channels.Recall) && r.Action != string(channels.Terminate) {
		return none
	}
	row, _ := channels.Lookup(channels.Native, o.Channel) // what a channel reports is not the profile's
	switch k {
	case events.OutcomeAccepted:
		if !row.ReportsRemoval {
			return ums.StatusRetracted
		}
	case events.OutcomeConfirmed:
		// The answer to a command is its only outcome. What a device says by
		// itself follows an accepted, which was a 7 unless the channel reports.
		if row.ReportsRemoval || o.Command != 0 {
			return ums.StatusRetracted
		}
	case events.OutcomeRefused, events.OutcomeUnsupported, events.OutcomeExpired:
		return ums.StatusRetractFailed
	}
	return none
}

// The codes of an error where the reason holds no number. They are the general
// ones of docs.jiguang.cn/jums/server/message_code (checked 2026-11-20): what
// stands there for a failed delivery or retract is not known.
const (
	codeInvalid = 4004
	codeFailed  = 5000
)

// errorOf explains a failure. A number in the reason, alone or after a colon, is
// the vendor's own code.
func errorOf(status int, k events.Kind, reason string) *failure {
	f := &failure{Code: codeFailed, Message: reason}
	switch status {
	case ums.StatusInvalidTarget:
		f.Code = codeInvalid
	case ums.StatusSubmitFailed, ums.StatusDeliveryFailed, ums.StatusRetractFailed:
	default:
		return nil
	}
	if n, err := strconv.ParseInt(reason[strings.LastIndexByte(reason, ':')+1:], 10, 32); err == nil {
		f.Code = int(n)
	}
	if f.Message == "" {
		_, f.Message, _ = strings.Cut(string(k), ".")
	}
	return f
}

// senderOf returns the sender of a channel and, for an app's push, the phone
// maker's channel it went by; 0 is the vendor's own, which stands for every
// channel without a number as well.
func senderOf(channel string) (sender int, app *int) {
	if sender = ums.SenderOf(channel); sender != ums.SenderApp {
		return sender, nil
	}
	maker := map[string]int{
		"huawei": 1, "huawei-emui9": 1, "oppo": 2, "vivo": 3, "xiaomi": 4, "meizu": 5, "fcm": 6, "fcm-data": 6, "apns": 8,
	}[channel]
	return sender, &maker
}
