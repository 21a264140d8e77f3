package tpns

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Clients write zero values for what they leave out (collapse_id 0, platform "",
// token_list null, account_list []), and numbers as strings or strings as
// numbers. The types here read all of it; an unknown field is passed over.

// parse reads the object that a body must be.
func parse(body []byte, v any) error {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || body[0] != '{' {
		return fail(codeParse, "the body is not a JSON object")
	}
	err := json.Unmarshal(body, v)
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		return fail(codeParse, "%s is a JSON %s", kind.Field, kind.Value)
	case err != nil:
		// For example a collapse_id with leading zeros, as the vendor's own
		// sample of an override has it.
		return fail(codeParse, "the body is not JSON: %s", err)
	}
	return nil
}

// text is a string, or a whole number as its digits; null is "".
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if b[0] == '"' {
		var s string
		err := json.Unmarshal(b, &s)
		*t = text(s)
		return err
	}
	if _, err := strconv.ParseInt(string(b), 10, 64); err != nil {
		return fmt.Errorf("%.32s is no string", b)
	}
	*t = text(b)
	return nil
}

// number is a whole number, also in a string; null and "" are 0.
type number int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(b []byte) error {
	s := string(bytes.Trim(b, `"`))
	if s == "" || s == "null" {
		return nil
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return fmt.Errorf("%.32s is no whole number", b)
	}
	*n = number(v)
	return nil
}

// flag is a bool, also as 0 and 1; null is false.
type flag bool

// UnmarshalJSON implements json.Unmarshaler.
func (f *flag) UnmarshalJSON(b []byte) error {
	switch string(bytes.Trim(b, `"`)) {
	case "true", "1":
		*f = true
	case "false", "0", "", "null":
	default:
		return fmt.Errorf("%.32s is neither true nor false", b)
	}
	return nil
}

// object is an object that a client may leave empty, also as the empty list that
// PHP makes of one.
type object struct{ json.RawMessage }

// empty reports whether nothing stands in the object.
func (o object) empty() bool {
	switch string(bytes.Join(bytes.Fields(o.RawMessage), nil)) {
	case "", "null", "{}", "[]", `""`:
		return true
	}
	return false
}

// decode reads the object unless it is empty.
func (o object) decode(name string, v any) error {
	if o.empty() {
		return nil
	}
	if err := json.Unmarshal(o.RawMessage, v); err != nil {
		return fail(codeParse, "%s cannot be read: %s", name, err)
	}
	return nil
}
