package api

import (
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/projections"
)

// PublishAnswer says what became of published events.
type PublishAnswer struct {
	// Accepted events are durable.
	Accepted int `json:"accepted"`
	// Position is that of the last accepted event, in each partition that got one.
	Position events.Positions `json:"position,omitempty"`
	// Refused lists the events that were not stored.
	Refused []RefusedEvent `json:"refused,omitempty"`
}

// RefusedEvent says what is wrong with one event of a request.
type RefusedEvent struct {
	// Index is the event's place in the request, from 0.
	Index  int    `json:"index"`
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// PushList is a page of pushes, newest first.
type PushList struct {
	Pushes []projections.Push `json:"pushes"`
	// Next is the cursor of the next page; absent on the last one.
	Next string `json:"next,omitempty"`
}

// RecallList is a page of recalls, newest first.
type RecallList struct {
	Recalls []projections.Recall `json:"recalls"`
	// Next is the cursor of the next page; absent on the last one.
	Next string `json:"next,omitempty"`
}

// QuarantineList is a page of the caller's quarantined events, newest first.
type QuarantineList struct {
	Quarantined []projections.Quarantined `json:"quarantined"`
	// Next is the cursor of the next page; absent on the last one.
	Next string `json:"next,omitempty"`
	// Total counts those of all apps.
	Total uint64 `json:"total"`
}

// Holder is a device that holds a push unclicked.
type Holder struct {
	Channel string `json:"channel"`
	Device  string `json:"device"`
	// Certainty is certain or possible.
	Certainty string `json:"certainty"`
	// Cursor resumes the list after this holder.
	Cursor string `json:"cursor"`
}

// RecallDevice is the proof of a recall for one notification.
type RecallDevice struct {
	Channel string `json:"channel"`
	Device  string `json:"device"`
	// Facts are the words for what happened to the notification.
	Facts []string `json:"facts"`
	// Late is true when it became a holder after the recall was accepted.
	Late      bool `json:"late"`
	Commanded bool `json:"commanded"`
	// Outcome is pending, accepted, confirmed, refused, skipped, unsupported
	// or expired.
	Outcome string `json:"outcome"`
	// Cursor resumes the list after this device.
	Cursor string `json:"cursor"`
}

// NotificationAnswer is the state of a push at a device, and how it came about.
type NotificationAnswer struct {
	// Notifications holds one entry per channel on which the push went there.
	Notifications []projections.Notification `json:"notifications"`
	// History lists the events that concern the device, oldest first.
	History []HistoryEntry `json:"history"`
	// Truncated is true when the history is longer than what one request reads.
	Truncated bool `json:"truncated,omitempty"`
}

// HistoryEntry is one event of a notification.
type HistoryEntry struct {
	Position events.Position `json:"position"`
	// Stored is when the log stored the event, Time when its writer says that
	// it happened.
	Stored  time.Time   `json:"stored"`
	Time    time.Time   `json:"time"`
	Kind    events.Kind `json:"kind"`
	Channel string      `json:"channel,omitempty"`
	Reason  string      `json:"reason,omitempty"`
	Recall  string      `json:"recall,omitempty"`
}

// NotificationList lists what a device or user has.
type NotificationList struct {
	Notifications []projections.Notification `json:"notifications"`
	// Truncated is true when there are more than one answer holds.
	Truncated bool `json:"truncated,omitempty"`
}

// GateAnswer says whether a push may still be handed over to a device.
type GateAnswer struct {
	Open bool `json:"open"`
	// Recall is the recall that closed the gate.
	Recall string `json:"recall,omitempty"`
}

// RecallRequest asks for a recall or for its preview.
type RecallRequest struct {
	Push string `json:"push"`
	// Action is cancel, terminate, recall or override.
	Action channels.Action `json:"action" enum:"cancel,terminate,recall,override"`
	// Scope restricts the recall to one device or user. It is left out for a
	// whole push; an empty one is refused, since it was surely meant to name
	// somebody (L9).
	Scope events.Scope `json:"scope,omitzero"`
	// Reason is kept with the recall for people to read.
	Reason string `json:"reason,omitempty"`
	// Notice is the text shown where the channel can only overwrite.
	Notice string `json:"notice,omitempty"`
	// Language picks the notice where none is given: en, zh-Hans, zh-Hant, ja or ko.
	Language string `json:"language,omitempty"`
	// Replacement is the new push of an override.
	Replacement *events.Replacement `json:"replacement,omitempty"`
	// WholeSends says what to do on channels that cannot tell recipients apart,
	// as WeCom and DingTalk: true takes the message from all of them, those who
	// clicked included, false leaves it there. A recall that concerns such a
	// channel must say one of them.
	WholeSends *bool `json:"whole_sends,omitempty"`
}

// RecallAnswer is an accepted recall.
type RecallAnswer struct {
	Recall string          `json:"recall"`
	Push   string          `json:"push"`
	Action channels.Action `json:"action"`
	Scope  events.Scope    `json:"scope,omitzero"`
	// State is always running: the recall is accepted and on the log.
	State string `json:"state"`
	// Deadline is when the window of the push closes.
	Deadline time.Time `json:"deadline"`
	// Replacement is the id of the new push of an override.
	Replacement string      `json:"replacement,omitempty"`
	Links       RecallLinks `json:"links"`

	// Replayed is true when the idempotency key had this answer already.
	Replayed bool `json:"-"`
	// Position is where the decision stands in the log; zero when replayed.
	Position events.Position `json:"-"`
}

// RecallLinks are the paths of a recall.
type RecallLinks struct {
	Self    string `json:"self"`
	Devices string `json:"devices"`
	Watch   string `json:"watch"`
	Abort   string `json:"abort"`
}

// AbortRequest asks to stop a running recall.
type AbortRequest struct {
	Reason string `json:"reason,omitempty"`
}

// AbortAnswer is an aborted recall.
type AbortAnswer struct {
	Recall   string          `json:"recall"`
	State    string          `json:"state"`
	Position events.Position `json:"position"`
}

// RedriveAnswer says how many refused commands were issued again.
type RedriveAnswer struct {
	Recall  string `json:"recall"`
	Devices int    `json:"devices"`
}

// PositionsAnswer says how far each partition is.
type PositionsAnswer struct {
	Partitions []PartitionPosition `json:"partitions"`
}

// PartitionPosition says how far one partition is.
type PartitionPosition struct {
	Partition int `json:"partition"`
	// Applied is what the projection has folded, End the end of the log.
	Applied events.Position `json:"applied"`
	End     events.Position `json:"end"`
	// Lag is how many events lie between the two.
	Lag uint64 `json:"lag"`
	// AppliedTime is when the log stored the event at Applied.
	AppliedTime time.Time `json:"applied_time,omitzero"`
	// First is the oldest position the log keeps.
	First events.Position `json:"first"`
	// LogBytes is what the log takes on disk; 0 as of a past moment, of which
	// neither that nor the disk is known.
	LogBytes uint64 `json:"log_bytes"`
	// LogLimit is how many bytes the log may take; 0 when it is not known.
	LogLimit int64 `json:"log_limit_bytes,omitempty"`
	// Disk is the one with the node's data; absent when it is not known.
	Disk *Disk `json:"disk,omitempty"`
	// Created identifies the log.
	Created time.Time         `json:"created"`
	Stats   projections.Stats `json:"stats"`
}

// Disk is the space of a disk, in bytes; Free is what the node may still use.
type Disk struct {
	Free  uint64 `json:"free_bytes"`
	Total uint64 `json:"total_bytes"`
}

// ChannelList is the matrix of what each channel allows.
type ChannelList struct {
	Channels []channels.Row `json:"channels"`
	// Held are the channels on which the app's calls are held back because too
	// many failed; they are tried again every now and then.
	Held []string `json:"held,omitempty"`
}

// DeviceCredential is what a device of the self-built channel connects with.
type DeviceCredential struct {
	URL      string `json:"url"`
	User     string `json:"user"`
	Password string `json:"password"`
}

// Status is what the health routes answer.
type Status struct {
	Status  string `json:"status"`
	Version string `json:"version,omitempty"`
}
