package callback

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// row is one row of FCM's export to BigQuery. Push and Token are columns of
// whoever posts it; the other columns are passed over.
type row struct {
	Event          string          `json:"event"`
	AnalyticsLabel string          `json:"analytics_label"`
	InstanceID     string          `json:"instance_id"`
	EventTimestamp json.RawMessage `json:"event_timestamp"`
	Push           string          `json:"push"`
	Token          string          `json:"token"`
}

// fcmKinds are the events of the export. The page with their names could not be
// read: see Unverified in the row of Forms.
func fcmKinds() map[string]events.Kind {
	kinds := map[string]events.Kind{"MESSAGE_ACCEPTED": events.PushSent, "MESSAGE_DELIVERED": events.DeliveryDelivered}
	for _, code := range []string{
		"MISSING_REGISTRATIONS", "UNAUTHORIZED_REGISTRATION", "INVALID_REGISTRATION", "MISMATCH_SENDER_ID", "QUOTA_EXCEEDED",
		"INVALID_PACKAGE_NAME", "INVALID_APNS_CREDENTIAL", "INVALID_PARAMETERS", "PAYLOAD_TOO_LARGE", "AUTHENTICATION_ERROR", "INVALID_TTL",
	} {
		kinds[code] = events.PushFailed
	}
	return kinds
}

// parseFCM reads rows of the export, and facts of the generic form beside them.
func parseFCM(in *intake, body []byte) error {
	kinds, count := fcmKinds(), 0
	err := elements(body, func(i int, raw json.RawMessage) error {
		count++
		var fields map[string]json.RawMessage
		if !reads(raw, &fields) || fields["event"] == nil || fields["kind"] != nil {
			return in.fact(i, raw)
		}
		return in.row(i, raw, kinds)
	})
	if err == nil && count == 0 {
		return badJSON("the body holds neither a row nor a fact")
	}
	return err
}

func (in *intake) row(i int, raw json.RawMessage, kinds map[string]events.Kind) error {
	var r row
	if !reads(raw, &r) {
		return badField(i, &events.FieldError{Field: "row", Reason: "has a column that is not text; see package callback"})
	}
	at, ok := exported(r.EventTimestamp)
	if !ok {
		return badField(i, &events.FieldError{Field: "event_timestamp", Reason: "is no time; write RFC 3339, for example 2026-11-20T09:41:00Z"})
	}
	kind, known := kinds[r.Event]
	if !known {
		in.gather.Ignore("unknown event")
		return nil
	}
	report := facade.Report{Kind: kind, Push: cmp.Or(r.Push, r.AnalyticsLabel), Device: cmp.Or(r.Token, r.InstanceID), Seconds: at}
	if kind == events.PushFailed {
		report.Reason = r.Event
	}
	return in.report(report)
}

// exported reads a time as BigQuery's tools write it; none is 0, which means now.
func exported(raw json.RawMessage) (int64, bool) {
	text := strings.Trim(string(raw), `"`)
	if text == "" || text == "null" {
		return 0, true
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05 UTC", time.DateTime} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.Unix(), true
		}
	}
	return 0, false
}
