package callback

import (
	"encoding/json"
	"strconv"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// status is one receipt of Huawei, in version 1 or 2, and of Honor.
type status struct {
	Token     string
	BiTag     string
	Status    json.RawMessage
	Timestamp json.RawMessage
	// DeliveryStatus is version 2. FormStatus, that of a service card, is no
	// notification.
	DeliveryStatus *struct{ Result, Timestamp json.RawMessage }
	FormStatus     json.RawMessage
}

// receipts is the body of Huawei and Honor.
type receipts struct{ Statuses json.RawMessage }

// pending is the kind of a code that states nothing yet.
const pending events.Kind = ""

// huaweiKind returns the fact a status code states; what is not listed is a
// failure. 27 is on the device, kept for the app. 51 and 201 wait for the device to
// be unlocked or its control lifted, and may be shown still: ended as failures,
// nobody would take them back (L8).
func huaweiKind(code int64) events.Kind {
	k, listed := map[int64]events.Kind{0: events.DeliveryDelivered, 27: events.DeliveryDelivered, 51: pending, 201: pending}[code]
	if !listed {
		return events.PushFailed
	}
	return k
}

// honorKind does the same for Honor, of whose codes only that of success is known.
func honorKind(code int64) events.Kind {
	if code == 40000002 {
		return events.DeliveryDelivered
	}
	return events.PushFailed
}

func parseHuawei(in *intake, body []byte) error { return in.statuses(body, huaweiKind) }

func parseHonor(in *intake, body []byte) error { return in.statuses(body, honorKind) }

func (in *intake) statuses(body []byte, kindOf func(int64) events.Kind) error {
	var all receipts
	if err := json.Unmarshal(body, &all); err != nil || len(all.Statuses) == 0 || all.Statuses[0] != '[' {
		return badJSON("the body has no array of statuses")
	}
	return elements(all.Statuses, func(_ int, raw json.RawMessage) error {
		var s status
		if !reads(raw, &s) {
			in.gather.Ignore("not of the documented form")
			return nil
		}
		code, at := s.Status, s.Timestamp
		if s.DeliveryStatus != nil {
			code, at = s.DeliveryStatus.Result, s.DeliveryStatus.Timestamp
		}
		n, isCode := whole(code)
		switch {
		case !isCode && s.FormStatus != nil:
			in.gather.Ignore("a service card")
			return nil
		case !isCode:
			in.gather.Ignore("no status code")
			return nil
		case kindOf(n) == pending:
			in.gather.Ignore("still on its way")
			return nil
		}
		r := facade.Report{Kind: kindOf(n), Push: s.BiTag, Device: s.Token, Seconds: seconds(number(at))}
		if r.Kind == events.PushFailed {
			r.Reason = strconv.FormatInt(n, 10)
		}
		return in.report(r)
	})
}

// emptyHuawei reports whether a body has no status.
func emptyHuawei(body []byte) bool {
	if len(body) == 0 {
		return true
	}
	var all struct{ Statuses []json.RawMessage }
	return json.Unmarshal(body, &all) == nil && len(all.Statuses) == 0
}
