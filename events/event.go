package events

import "time"

// Version is the version of the event form this package writes. Every version
// once written stays readable.
const Version = 1

// Header is what every event carries.
type Header struct {
	// ID is the writer's own id of the event, at most MaxID bytes; optional.
	// The ledger needs none: facts are idempotent, decisions have a recall id.
	ID   string
	Kind Kind
	App  string
	Push string
	// Time is when it happened by the writer's clock. The log adds its own.
	Time time.Time
	// Trace is the W3C trace context the event came out of, as traceparent has it;
	// optional. It says nothing about what happened: events that differ in it alone
	// are the same.
	Trace string
}

// Event is one message about one push: a header and data of the kind's shape.
type Event struct {
	Header
	// Data is a *Created, *Fact, *Requested, *Refused, *Closed, *Command,
	// *Outcome or *Key, as the kind's shape says.
	Data Data
}

// Data is implemented by the data types of this package only.
type Data interface{ shape() Shape }

// AudienceKind says to what kind of audience a push went.
type AudienceKind string

// The audience kinds.
const (
	AudienceDevice AudienceKind = "device"
	AudienceUser   AudienceKind = "user"
	AudienceList   AudienceKind = "list"
	AudienceTag    AudienceKind = "tag"
	AudienceAll    AudienceKind = "all"
)

// Audience describes to whom a push was sent; who really got it is told by facts.
type Audience struct {
	Kind AudienceKind `json:"kind"`
	// Names are the tags, or the single device or user; at most MaxNames.
	Names []string `json:"names,omitempty"`
}

// Created is the data of push.created: what is sent, to what kind of audience.
type Created struct {
	Title    string   `json:"title,omitempty"`
	Body     string   `json:"body,omitempty"`
	Audience Audience `json:"audience"`
	// Slot is the id under which channels show the notification. Without one
	// most channels can recall nothing later.
	Slot string `json:"slot,omitempty"`
	// SlotAuto asks the ledger for a slot, a number that every channel can use;
	// the sender learns it by asking for the push and must send with it.
	SlotAuto bool `json:"slot_auto,omitempty"`
	// ScheduleAt is when sending starts; absent means at once.
	ScheduleAt *time.Time `json:"schedule_at,omitempty"`
	// ExpireAt is when channels stop trying to deliver.
	ExpireAt *time.Time `json:"expire_at,omitempty"`
	// Profile names the rule set the push falls under; absent means native.
	Profile string `json:"profile,omitempty"`
	// Replaces names the push that this one overrides.
	Replaces string `json:"replaces,omitempty"`
	// Labels are the sender's own, shown and searchable; at most MaxLabels.
	Labels map[string]string `json:"labels,omitempty"`
}

// Fact is the data of push.sent, push.failed and the delivery, display and
// click kinds: what happened to the notifications of 1 to MaxDevices devices of
// one push on one channel.
type Fact struct {
	Channel string   `json:"channel"`
	Devices []string `json:"devices"`
	// Users holds, for push.sent only, the user of each device in the order of
	// Devices; "" where a device has none. Absent when no device has one.
	Users []string `json:"users,omitempty"`
	// Send is, for push.sent only, the vendor's id of the send that reached the
	// devices (msgid, task_id, message_id). Channels that take back whole sends
	// need it.
	Send string `json:"send,omitempty"`
	// Reason is a short code, for push.failed and delivery.expired.
	Reason string `json:"reason,omitempty"`
}

// Scope says of what a recall takes back a push: all of it, or one device or user.
type Scope struct {
	// Device restricts the recall to one device on Channel.
	Device  string `json:"device,omitempty"`
	Channel string `json:"channel,omitempty"`
	// User restricts the recall to the devices of one user.
	User string `json:"user,omitempty"`
}

// Whole reports whether the scope is the whole push.
func (s Scope) Whole() bool { return s == Scope{} }

// Replacement is the new push of an override.
type Replacement struct {
	Push  string `json:"push"`
	Title string `json:"title,omitempty"`
	Body  string `json:"body,omitempty"`
	// Force asks channels that cannot replace to show the new push as well.
	Force bool `json:"force,omitempty"`
}

// Requested is the data of recall.requested: an accepted recall.
type Requested struct {
	Recall string `json:"recall"`
	// Action is cancel, terminate, recall or override.
	Action string `json:"action"`
	Scope  Scope  `json:"scope,omitzero"`
	// By is the credential or operator that asked.
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Notice is the text shown where the channel can only overwrite.
	Notice      string       `json:"notice,omitempty"`
	Replacement *Replacement `json:"replacement,omitempty"`
	// WholeSends accepts that channels which cannot tell recipients apart take
	// the message from all of them, those who clicked included.
	WholeSends bool `json:"whole_sends,omitempty"`
	// Deadline is when the window of the push closes; late devices get their
	// command until then.
	Deadline time.Time `json:"deadline"`
}

// Refused is the data of recall.refused.
type Refused struct {
	Action string `json:"action"`
	Scope  Scope  `json:"scope,omitzero"`
	By     string `json:"by,omitempty"`
	// Code is the stable refusal code.
	Code string `json:"code"`
	// First is the recall that stands in the way, for already-recalled.
	First string `json:"first,omitempty"`
}

// Closed is the data of recall.completed and recall.aborted.
type Closed struct {
	Recall string `json:"recall"`
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Command is the data of command.issued: one instruction to one channel for a
// set of at most MaxCommandDevices notifications.
type Command struct {
	Recall  string `json:"recall"`
	Channel string `json:"channel"`
	Action  string `json:"action"`
	// Method is withhold, remove, overwrite or none.
	Method  string   `json:"method"`
	Devices []string `json:"devices"`
	Slot    string   `json:"slot,omitempty"`
	// Sends are the vendor's ids of the sends that reached the devices, where the
	// channel takes back whole sends.
	Sends []string `json:"sends,omitempty"`
	// Title and Body are shown in place of the notification, for overwrite.
	Title string `json:"title,omitempty"`
	Body  string `json:"body,omitempty"`
	// Replacement is the id of the new push of an override.
	Replacement string `json:"replacement,omitempty"`
	// Forced marks an overwrite on a channel that cannot replace: the new
	// notification is shown beside the old one.
	Forced   bool      `json:"forced,omitempty"`
	Late     bool      `json:"late,omitempty"`
	Redrive  bool      `json:"redrive,omitempty"`
	Deadline time.Time `json:"deadline"`
}

// Outcome is the data of the outcome kinds: what came of a command for 1 to
// MaxDevices of its devices.
type Outcome struct {
	Recall  string   `json:"recall"`
	Channel string   `json:"channel"`
	Devices []string `json:"devices"`
	// Command is the sequence of the command.issued answered; 0 when a device
	// confirmed on its own.
	Command Seq    `json:"command,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// Attempt counts the vendor calls made for the command, from 1.
	Attempt int `json:"attempt,omitempty"`
}

// Key is the data of key.claimed: an idempotency key and the answer it got (L6).
type Key struct {
	Key string `json:"key"`
	// Fingerprint is the hex SHA-256 of the request's semantic content, or names who
	// else claims the key.
	Fingerprint string `json:"fingerprint"`
	// Status and Answer are the first answer, byte for byte.
	Status int    `json:"status"`
	Answer string `json:"answer"`
}

func (*Created) shape() Shape   { return ShapeCreated }
func (*Fact) shape() Shape      { return ShapeFact }
func (*Requested) shape() Shape { return ShapeRequested }
func (*Refused) shape() Shape   { return ShapeRefused }
func (*Closed) shape() Shape    { return ShapeClosed }
func (*Command) shape() Shape   { return ShapeCommand }
func (*Outcome) shape() Shape   { return ShapeOutcome }
func (*Key) shape() Shape       { return ShapeKey }
