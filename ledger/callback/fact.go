package callback

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/recall-ledger/recall-ledger/events"
)

// factKinds are the public kinds that state facts.
func factKinds() []events.Kind {
	return slices.DeleteFunc(events.Kinds(), func(k events.Kind) bool { return !k.Public() || k.Shape() != events.ShapeFact })
}

// parseFacts reads the generic form.
func parseFacts(in *intake, body []byte) error {
	count := 0
	err := elements(body, func(i int, raw json.RawMessage) error {
		count++
		return in.fact(i, raw)
	})
	if err == nil && count == 0 {
		return badJSON("the body holds no fact")
	}
	return err
}

// fact takes one element of the generic form. The events' own strict reader
// checks it, in the form it would have at the native door.
func (in *intake) fact(i int, raw json.RawMessage) error {
	var fields map[string]json.RawMessage
	if !reads(raw, &fields) || fields == nil {
		return badField(i, &events.FieldError{Field: "fact", Reason: "is not a JSON object"})
	}
	if !slices.Contains(factKinds(), events.Kind(strings.Trim(string(fields["kind"]), `"`))) {
		return badField(i, &events.FieldError{Field: "kind", Reason: "is missing or states no fact; see events/FORMAT.md"})
	}
	var head, data bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		b := &data
		switch name {
		case "kind", "push", "time":
			b = &head
		case "devices", "users", "reason", "send":
		default:
			return badField(i, &events.FieldError{Field: clean(name), Reason: "is not a field of a fact; see events/FORMAT.md"})
		}
		b.WriteString(`,"` + name + `":`)
		b.Write(fields[name])
	}
	// The channel's name is a token, so it needs no escape.
	event := `{"data":{"channel":"` + in.account.Channel + `"` + data.String() + `}` + head.String() + `}`
	e, err := events.NewDoorDecoder(in.account.App, in.now).Decode([]byte(event))
	if err == nil {
		err = in.record(e)
	}
	if err == nil {
		return nil
	}
	var field *events.FieldError
	if !errors.As(err, &field) {
		field = &events.FieldError{Field: "fact", Reason: err.Error()}
	}
	return badField(i, &events.FieldError{Field: strings.TrimPrefix(field.Field, "data."), Reason: clean(field.Reason)})
}

// maxText bounds what an answer repeats of a request, in bytes.
const maxText = 256

func clean(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "..."
}
