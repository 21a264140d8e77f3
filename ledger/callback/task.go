package callback

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// task is what Xiaomi and vivo report of one message, in an object by the
// vendor's id of it.
type task struct {
	Param   string
	Targets string
	// Type and Timestamp are Xiaomi's, AckType and AckTime vivo's.
	Type, Timestamp  json.RawMessage
	AckType, AckTime json.RawMessage
}

// xiaomiKinds are the types. The sum of all that can be asked for is 243, by the
// vendor's support, so these are all; from 16 on they are failures.
func xiaomiKinds() map[int64]events.Kind {
	return map[int64]events.Kind{
		1: events.DeliveryDelivered, 2: events.ClickClicked,
		16: events.PushFailed, 32: events.PushFailed, 64: events.PushFailed, 128: events.PushFailed,
	}
}

// parseXiaomi reads the field data of a form, or the same JSON as a body.
func parseXiaomi(in *intake, body []byte) error {
	if text := bytes.TrimSpace(body); len(text) == 0 || text[0] != '{' {
		fields, err := url.ParseQuery(string(text))
		if err != nil || len(fields["data"]) != 1 {
			return badJSON("the body is neither a JSON object nor a form with one field data")
		}
		if body = []byte(fields.Get("data")); !utf8.Valid(body) {
			return badJSON("the field data is not valid UTF-8")
		}
	}
	kinds := xiaomiKinds()
	return in.tasks(body, func(t task) (events.Kind, string, int64, bool) {
		n := number(t.Type)
		k, known := kinds[n]
		return k, strconv.FormatInt(n, 10), number(t.Timestamp), known
	})
}

// parseVivo reads arrivals; no other ackType is known.
func parseVivo(in *intake, body []byte) error {
	return in.tasks(body, func(t task) (events.Kind, string, int64, bool) {
		return events.DeliveryDelivered, "", number(t.AckTime), strings.Trim(string(t.AckType), `"`) == "0"
	})
}

// tasks reads an object of tasks. read returns the kind, the code, the time and
// whether the type is known.
func (in *intake) tasks(body []byte, read func(task) (events.Kind, string, int64, bool)) error {
	return entries(body, func(_ string, raw json.RawMessage) error {
		var t task
		if !reads(raw, &t) {
			in.gather.Ignore("not of the documented form")
			return nil
		}
		kind, code, at, known := read(t)
		if !known {
			in.gather.Ignore("unknown type")
			return nil
		}
		r := facade.Report{Kind: kind, Push: t.Param, Seconds: seconds(at)}
		if kind == events.PushFailed {
			r.Reason = code
		}
		return in.each(t.Targets, r)
	})
}
