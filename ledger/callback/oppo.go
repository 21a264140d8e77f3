package callback

import (
	"encoding/json"
	"strings"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// oppoEvent is one receipt of OPPO: several devices, one event.
type oppoEvent struct {
	RegistrationIDs string
	EventTime       json.RawMessage
	Param           string
	EventType       string
}

// oppoKinds are the documented events. Arrival does not say that it was shown.
func oppoKinds() map[string]events.Kind {
	return map[string]events.Kind{
		"push_arrive": events.DeliveryDelivered, "regid_invalid": events.PushFailed, "user_daily_limit": events.PushFailed,
	}
}

func parseOPPO(in *intake, body []byte) error {
	kinds := oppoKinds()
	if !isArray(body) {
		return badJSON("the body is not a JSON array")
	}
	return elements(body, func(_ int, raw json.RawMessage) error {
		var e oppoEvent
		if !reads(raw, &e) {
			in.gather.Ignore("not of the documented form")
			return nil
		}
		kind, known := kinds[e.EventType]
		if !known {
			in.gather.Ignore("unknown type")
			return nil
		}
		r := facade.Report{Kind: kind, Push: e.Param, Seconds: seconds(number(e.EventTime))}
		if kind == events.PushFailed {
			r.Reason = e.EventType
		}
		return in.each(e.RegistrationIDs, r)
	})
}

// each reports the same of every device of a list with commas.
func (in *intake) each(list string, r facade.Report) error {
	for device := range strings.SplitSeq(list, ",") {
		r.Device = strings.TrimSpace(device)
		if err := in.report(r); err != nil {
			return err
		}
	}
	return nil
}

// isArray reports whether a body can be a JSON array.
func isArray(body []byte) bool {
	text := strings.TrimLeft(string(body), " \t\r\n")
	return strings.HasPrefix(text, "[")
}
