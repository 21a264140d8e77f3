package callback

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// intake gathers what one call reports. Nothing is stored before all was read.
type intake struct {
	account Account
	now     time.Time
	gather  *facade.Gather
	// store keeps an event until everything was read; it refuses one that is too
	// long to be written.
	store func(*events.Event) error
	// named are the devices of reports and facts, those ignored included.
	named int
	facts int
}

func newIntake(a Account, now time.Time, store func(*events.Event) error) *intake {
	return &intake{account: a, now: now, store: store, gather: facade.NewGather(a.App, now)}
}

// report takes what a vendor says of one device.
func (in *intake) report(r facade.Report) error {
	if in.named++; in.named > MaxDevices {
		return tooMany("devices", MaxDevices)
	}
	r.Channel = in.account.Channel
	switch {
	case r.Push == "":
		in.gather.Ignore("no push id")
	case strings.ContainsRune(r.Push+r.Device, utf8.RuneError):
		// What stood there is lost, and two ids could become one.
		in.gather.Ignore("an id that is not UTF-8")
	default:
		in.gather.Add(r)
	}
	return nil
}

// finish stores what was gathered.
func (in *intake) finish() error {
	for _, e := range in.gather.Events() {
		if err := in.record(e); err != nil {
			return err
		}
	}
	return nil
}

// accepted is how many devices the events name. It is asked after finish.
func (in *intake) accepted() int { return in.facts }

func (in *intake) record(e *events.Event) error {
	in.facts += len(e.Data.(*events.Fact).Devices)
	return in.store(e)
}

// asProblem is what the caller is told of an error of a body.
func asProblem(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	return badJSON("%s", err)
}

// elements calls f for every element of a JSON array, or for every JSON value of
// a body of lines, with its place.
func elements(body []byte, f func(int, json.RawMessage) error) error {
	body = bytes.TrimSpace(body)
	d := json.NewDecoder(bytes.NewReader(body))
	array := len(body) > 0 && body[0] == '['
	if array {
		if _, err := d.Token(); err != nil {
			return badJSON("the array cannot be read")
		}
	}
	for i := 0; ; i++ {
		if array && !d.More() {
			return closed(d)
		}
		var raw json.RawMessage
		err := d.Decode(&raw)
		switch {
		case errors.Is(err, io.EOF) && !array:
			return nil
		case err != nil:
			return badJSON("item %d cannot be read as JSON", i)
		case i == MaxItems:
			return tooMany("items", MaxItems)
		}
		if err := f(i, raw); err != nil {
			return err
		}
	}
}

// entries calls f for every entry of the JSON object that a body must be.
func entries(body []byte, f func(name string, raw json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return badJSON("the body is not a JSON object")
	}
	for i := 0; d.More(); i++ {
		name, err := d.Token()
		if err != nil {
			return badJSON("entry %d cannot be read as JSON", i)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return badJSON("entry %d cannot be read as JSON", i)
		}
		if i == MaxItems {
			return tooMany("items", MaxItems)
		}
		if err := f(name.(string), raw); err != nil { // keys are strings
			return err
		}
	}
	return closed(d)
}

// closed reports what is wrong after the last item of an array or object.
func closed(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return badJSON("the body ends too early")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return badJSON("there is text after the JSON value")
	}
	return nil
}

// reads reports whether an item has the form of v.
func reads(raw json.RawMessage, v any) bool { return json.Unmarshal(raw, v) == nil }

// whole reads a whole number that is written as such or as a text: vendors do both.
func whole(raw json.RawMessage) (int64, bool) {
	n, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	return n, err == nil
}

// number is whole, with 0 for what is not a number: a time that is missing is now.
func number(raw json.RawMessage) int64 {
	n, _ := whole(raw)
	return n
}

// seconds returns a Unix time in seconds that a vendor gives in seconds or in
// milliseconds: seconds have 11 digits until the year 5138.
func seconds(at int64) int64 {
	if at >= 100_000_000_000 {
		return at / 1000
	}
	return at
}
