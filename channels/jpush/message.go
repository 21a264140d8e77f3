package jpush

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
)

// maxCollapse is the longest apns_collapse_id, in bytes.
const maxCollapse = 64

// push is the body of a push.
type push struct {
	CID          string       `json:"cid"`
	Platform     []string     `json:"platform"`
	Audience     audience     `json:"audience"`
	Notification notification `json:"notification"`
	Options      *options     `json:"options,omitempty"`
}

type audience struct {
	RegistrationID []string `json:"registration_id"`
}

type notification struct {
	Android android `json:"android"`
	IOS     *ios    `json:"ios,omitempty"`
}

type android struct {
	// Alert is the text; without one nothing is shown.
	Alert string `json:"alert"`
	Title string `json:"title,omitempty"`
}

type ios struct {
	Alert iosAlert `json:"alert"`
}

type iosAlert struct {
	Title string `json:"title,omitempty"`
	Body  string `json:"body"`
}

type options struct {
	// OverrideMsgID is the send that this push replaces, on Android.
	OverrideMsgID int64 `json:"override_msg_id"`
	// APNsCollapseID is the id under which iOS shows the old one and the new.
	APNsCollapseID string `json:"apns_collapse_id,omitempty"`
}

// replacement makes the push of an overwrite. A forced one replaces nothing.
func replacement(c channels.Command, cid string, send int64, collapse bool) push {
	a := android{Alert: c.Body, Title: c.Title}
	if a.Alert == "" {
		a.Alert, a.Title = a.Title, ""
	}
	p := push{
		CID: cid, Platform: []string{"android"}, Audience: audience{RegistrationID: c.Devices},
		Notification: notification{Android: a},
	}
	collapse = collapse && c.Slot != "" && len(c.Slot) <= maxCollapse
	if c.Forced || collapse {
		p.Platform = append(p.Platform, "ios")
		p.Notification.IOS = &ios{Alert: iosAlert{Title: a.Title, Body: a.Alert}}
	}
	if c.Forced {
		return p
	}
	p.Options = &options{OverrideMsgID: send}
	if collapse {
		p.Options.APNsCollapseID = c.Slot
	}
	return p
}

// answer is what is read of every answer.
type answer struct {
	MsgID json.RawMessage `json:"msg_id"`
	CIDs  []string        `json:"cidlist"`
	Error *struct {
		Code int `json:"code"`
	} `json:"error"`
}

// msgID reads JPush's id of a send.
func msgID(send string) (int64, bool) {
	id, err := strconv.ParseInt(send, 10, 64)
	return id, err == nil && id > 0 && strconv.FormatInt(id, 10) == send
}

// maxReset is the longest wait that is believed of X-Rate-Limit-Reset: JPush
// counts calls by the minute.
const maxReset = time.Minute

// reset reads how long the current minute of a throttled caller lasts.
//
// Unverified: the header and its unit, seconds, are from public clients of JPush
// only. An answer with code 2002 from JPush itself would verify them.
func reset(status int, h http.Header) time.Duration {
	n, err := strconv.ParseUint(h.Get("X-Rate-Limit-Reset"), 10, 31)
	if err != nil || status != http.StatusTooManyRequests {
		return 0
	}
	return min(time.Duration(n)*time.Second, maxReset)
}

// covers reports whether all of the devices are in the list.
func covers(list, devices []string) bool {
	return !slices.ContainsFunc(devices, func(d string) bool { return !slices.Contains(list, d) })
}
