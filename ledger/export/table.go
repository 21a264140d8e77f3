package export

import (
	"encoding/json"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// Table names one of the tables.
type Table string

// The tables.
const (
	Events        Table = "events"
	Notifications Table = "notifications"
	Recalls       Table = "recalls"
)

// Tables lists the tables.
func Tables() []Table { return []Table{Events, Notifications, Recalls} }

// noChannel is the channel of rows that have none.
const noChannel = "none"

// Event is a row of the table of events: one for each device an event names,
// or a single one for an event that names none. The tags are the schema: name,
// form, and what SCHEMA.md says.
type Event struct {
	Partition int32     `parquet:"partition" json:"partition" doc:"partition of the log"`
	Seq       int64     `parquet:"seq" json:"seq" doc:"sequence in the partition; the position of the event is partition-seq"`
	Stored    time.Time `parquet:"stored,timestamp(microsecond)" json:"stored" doc:"when the log stored the event; the day of the folder is its day in UTC"`
	Time      time.Time `parquet:"time,timestamp(microsecond)" json:"time" doc:"when it happened by the writer's clock"`
	ID        string    `parquet:"id,optional" json:"id,omitempty" doc:"the writer's own id of the event"`
	Kind      string    `parquet:"kind,dict" json:"kind" doc:"what happened, see events/FORMAT.md"`
	Family    string    `parquet:"family,dict" json:"family" doc:"the kind up to its dot"`
	App       string    `parquet:"app,dict" json:"app" doc:"the tenant"`
	Push      string    `parquet:"push,dict" json:"push" doc:"the push"`
	Channel   string    `parquet:"channel,dict" json:"channel" doc:"the channel, none where the event names none"`
	Device    string    `parquet:"device,optional" json:"device,omitempty" doc:"the device"`
	User      string    `parquet:"user,optional" json:"user,omitempty" doc:"the device's user, of push.sent"`
	Send      string    `parquet:"send,optional,dict" json:"send,omitempty" doc:"the vendor's id of the send, of push.sent"`
	Recall    string    `parquet:"recall,optional,dict" json:"recall,omitempty" doc:"the recall, of decisions, commands and outcomes; of recall.refused the one that stands in the way"`
	Action    string    `parquet:"action,optional,dict" json:"action,omitempty" doc:"cancel, terminate, recall or override"`
	Method    string    `parquet:"method,optional,dict" json:"method,omitempty" doc:"withhold, remove, overwrite or none, of commands"`
	Command   int64     `parquet:"command,optional" json:"command,omitempty" doc:"sequence of the command.issued that an outcome answers"`
	Attempt   int32     `parquet:"attempt,optional" json:"attempt,omitempty" doc:"calls to the vendor made for the command, of outcomes"`
	Late      bool      `parquet:"late" json:"late,omitempty" doc:"the device turned up after the recall, of commands"`
	Redrive   bool      `parquet:"redrive" json:"redrive,omitempty" doc:"an operator asked for the repetition, of commands"`
	Reason    string    `parquet:"reason,optional,dict" json:"reason,omitempty" doc:"the vendor's or the caller's reason, or the code of a refusal"`
	Data      string    `parquet:"data,optional" json:"data,omitempty" doc:"the event's data as JSON, where it names no devices; never that of an idempotency key"`
}

// Notification is a row of the table of notifications: one for each push,
// channel and device. Times are those at which the log stored the first such
// fact; null where there is none.
type Notification struct {
	App         string    `parquet:"app,dict" json:"app" doc:"the tenant"`
	Push        string    `parquet:"push,dict" json:"push" doc:"the push"`
	Channel     string    `parquet:"channel,dict" json:"channel" doc:"the channel"`
	Device      string    `parquet:"device" json:"device" doc:"the device"`
	User        string    `parquet:"user,optional" json:"user,omitempty" doc:"the user named last"`
	FirstAt     time.Time `parquet:"first_at,timestamp(microsecond)" json:"first_at" doc:"the first event that names it; the day of the folder is its day in UTC"`
	SentAt      time.Time `parquet:"sent_at,optional,timestamp(microsecond)" json:"sent_at,omitzero" doc:"push.sent"`
	DeliveredAt time.Time `parquet:"delivered_at,optional,timestamp(microsecond)" json:"delivered_at,omitzero" doc:"delivery.delivered"`
	ShownAt     time.Time `parquet:"shown_at,optional,timestamp(microsecond)" json:"shown_at,omitzero" doc:"display.shown"`
	ClickedAt   time.Time `parquet:"clicked_at,optional,timestamp(microsecond)" json:"clicked_at,omitzero" doc:"click.clicked"`
	ClearedAt   time.Time `parquet:"cleared_at,optional,timestamp(microsecond)" json:"cleared_at,omitzero" doc:"display.cleared"`
	FailedAt    time.Time `parquet:"failed_at,optional,timestamp(microsecond)" json:"failed_at,omitzero" doc:"push.failed"`
	ExpiredAt   time.Time `parquet:"expired_at,optional,timestamp(microsecond)" json:"expired_at,omitzero" doc:"delivery.expired"`
	RemovedAt   time.Time `parquet:"removed_at,optional,timestamp(microsecond)" json:"removed_at,omitzero" doc:"the device confirmed that a recall took it away"`
	Holder      string    `parquet:"holder,dict" json:"holder" doc:"certain, possible, or no: whether the device still holds it unclicked at the end of the range"`
	Recalls     int32     `parquet:"recalls" json:"recalls" doc:"how many recalls commanded it"`
	Recall      string    `parquet:"recall,optional,dict" json:"recall,omitempty" doc:"the last recall that commanded it"`
	Action      string    `parquet:"action,optional,dict" json:"action,omitempty" doc:"that recall's action"`
	CommandedAt time.Time `parquet:"commanded_at,optional,timestamp(microsecond)" json:"commanded_at,omitzero" doc:"its first command of that recall"`
	Late        bool      `parquet:"late" json:"late" doc:"it turned up after that recall was accepted"`
	Outcome     string    `parquet:"outcome,optional,dict" json:"outcome,omitempty" doc:"pending, accepted, confirmed, refused, skipped, unsupported or expired"`
	OutcomeAt   time.Time `parquet:"outcome_at,optional,timestamp(microsecond)" json:"outcome_at,omitzero" doc:"when the log stored that outcome"`
	Reason      string    `parquet:"reason,optional,dict" json:"reason,omitempty" doc:"the vendor's code with that outcome"`
}

// Recall is a row of the table of recalls: one for each recall and channel on
// which it commanded anything, or a single one on channel none.
type Recall struct {
	App          string    `parquet:"app,dict" json:"app" doc:"the tenant"`
	Push         string    `parquet:"push,dict" json:"push" doc:"the push taken back"`
	Recall       string    `parquet:"recall" json:"recall" doc:"the recall"`
	Channel      string    `parquet:"channel,dict" json:"channel" doc:"the channel, none for a recall without commands"`
	Action       string    `parquet:"action,dict" json:"action" doc:"cancel, terminate, recall or override"`
	Device       string    `parquet:"device,optional" json:"device,omitempty" doc:"the only device concerned, where the recall names one"`
	User         string    `parquet:"user,optional" json:"user,omitempty" doc:"the only user concerned, where the recall names one"`
	By           string    `parquet:"asked_by,optional,dict" json:"asked_by,omitempty" doc:"who asked"`
	Reason       string    `parquet:"reason,optional" json:"reason,omitempty" doc:"the reason given"`
	At           time.Time `parquet:"requested_at,timestamp(microsecond)" json:"requested_at" doc:"when the log stored the decision; the day of the folder is its day in UTC"`
	Deadline     time.Time `parquet:"deadline,timestamp(microsecond)" json:"deadline" doc:"when the window closes"`
	State        string    `parquet:"state,dict" json:"state" doc:"running, completed or aborted, at the end of the range"`
	ClosedAt     time.Time `parquet:"closed_at,optional,timestamp(microsecond)" json:"closed_at,omitzero" doc:"when it was completed or aborted"`
	Commanded    int64     `parquet:"commanded" json:"commanded" doc:"notifications commanded; the outcomes below and pending add up to it"`
	Late         int64     `parquet:"late" json:"late" doc:"those of them that turned up after the recall was accepted"`
	Pending      int64     `parquet:"pending" json:"pending" doc:"no outcome yet"`
	Accepted     int64     `parquet:"accepted" json:"accepted" doc:"the vendor took the instruction"`
	Confirmed    int64     `parquet:"confirmed" json:"confirmed" doc:"the device says it is done"`
	Refused      int64     `parquet:"refused" json:"refused" doc:"the vendor or device refused for good"`
	Skipped      int64     `parquet:"skipped" json:"skipped" doc:"the user clicked or cleared first, or it was not held any more"`
	Unsupported  int64     `parquet:"unsupported" json:"unsupported" doc:"the channel offers no way"`
	Expired      int64     `parquet:"expired" json:"expired" doc:"the window closed first"`
	ClickedAfter int64     `parquet:"clicked_after" json:"clicked_after" doc:"commanded notifications whose first click was stored after the recall"`
	LastOutcome  time.Time `parquet:"last_outcome_at,optional,timestamp(microsecond)" json:"last_outcome_at,omitzero" doc:"when the last of the outcomes counted was stored"`
}

// Entry is one event as the log has it.
type Entry struct {
	Position events.Position
	Stored   time.Time
	Event    *events.Event
	// Raw is the event's JSON.
	Raw json.RawMessage
}
