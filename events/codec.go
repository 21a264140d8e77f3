package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Encode writes the event's JSON form. The event should have passed Check. An
// event over MaxEventBytes is a *FieldError: escapes make texts longer.
func Encode(e *Event) ([]byte, error) {
	b := make([]byte, 0, 256)
	if f, ok := e.Data.(*Fact); ok {
		b = make([]byte, 0, 256+factSize(f))
	}
	return Append(b, e)
}

// Append is Encode into a buffer of the caller's.
func Append(b []byte, e *Event) ([]byte, error) {
	start := len(b)
	b = append(b, `{"v":1,`...)
	if e.ID != "" {
		b = append(b, `"id":`...)
		b = appendString(b, e.ID)
		b = append(b, ',')
	}
	b = append(b, `"kind":"`...)
	b = append(b, e.Kind...)
	b = append(b, `","app":`...)
	b = appendString(b, e.App)
	b = append(b, `,"push":`...)
	b = appendString(b, e.Push)
	b = append(b, `,"time":"`...)
	b = e.Time.UTC().AppendFormat(b, time.RFC3339Nano)
	if e.Trace != "" {
		b = append(b, `","trace":"`...)
		b = append(b, e.Trace...) // Check lets in nothing that needs an escape
	}
	b = append(b, `","data":`...)
	if f, ok := e.Data.(*Fact); ok {
		b = appendFact(b, f)
	} else {
		d, err := marshal(e.Data)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", e.Kind, err)
		}
		b = append(b, d...)
	}
	b = append(b, '}')
	if n := len(b) - start; n > MaxEventBytes {
		return nil, bad("event", "is %d bytes long, the limit is %d; split the event", n, MaxEventBytes)
	}
	return b, nil
}

func factSize(f *Fact) int {
	n := 0
	for _, d := range f.Devices {
		n += len(d) + 3
	}
	for _, u := range f.Users {
		n += len(u) + 3
	}
	return n
}

func appendFact(b []byte, f *Fact) []byte {
	b = append(b, `{"channel":`...)
	b = appendString(b, f.Channel)
	b = append(b, `,"devices":`...)
	b = appendStrings(b, f.Devices)
	if len(f.Users) > 0 {
		b = append(b, `,"users":`...)
		b = appendStrings(b, f.Users)
	}
	if f.Send != "" {
		b = append(b, `,"send":`...)
		b = appendString(b, f.Send)
	}
	if f.Reason != "" {
		b = append(b, `,"reason":`...)
		b = appendString(b, f.Reason)
	}
	return append(b, '}')
}

func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}

func appendString(b []byte, s string) []byte {
	if !printable(s) {
		q, err := marshal(s)
		if err != nil { // a string always marshals
			panic(err)
		}
		return append(b, q...)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// marshal is json.Marshal without HTML escaping, so that texts read as written.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte{'\n'}), nil
}

// VersionError is an event of a version this program does not know: written by
// a newer one.
type VersionError struct{ Version int }

func (e *VersionError) Error() string {
	return "v: version " + strconv.Itoa(e.Version) + " is newer than this program reads (" + strconv.Itoa(Version) + ")"
}

// Decode reads one event and checks it. Its strings alias data, which must not
// be changed afterwards. Fields it does not know are passed over, so that a
// newer writer does not stop an older reader.
func Decode(data []byte) (*Event, error) {
	var d Decoder
	e, err := d.Decode(data)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// DecodeStrict is Decode for the door: a field that no kind has is an error,
// since it is most likely misspelt and would be lost.
func DecodeStrict(data []byte) (*Event, error) {
	d := Decoder{strict: true}
	return d.Decode(data)
}

// Decoder decodes many events without garbage in proportion to their devices.
// What it returns is valid until its next call. Its zero value is ready.
type Decoder struct {
	event   Event
	fact    Fact
	devices []string
	users   []string
	strict  bool
	// given fills in app and time where the caller knows them; see Defaults.
	app  string
	time time.Time
}

// NewDoorDecoder returns a strict decoder that fills in a missing app, or
// refuses another one, and fills in a missing time.
func NewDoorDecoder(app string, now time.Time) *Decoder {
	return &Decoder{strict: true, app: app, time: now}
}

// Decode reads and checks one event.
func (d *Decoder) Decode(data []byte) (*Event, error) {
	if len(data) > MaxEventBytes {
		return nil, bad("event", "is %d bytes long, the limit is %d", len(data), MaxEventBytes)
	}
	d.event = Event{}
	raw, fact, err := d.envelope(data)
	if err != nil {
		return nil, err
	}
	if d.app != "" {
		if d.event.App == "" {
			d.event.App = d.app
		} else if d.event.App != d.app {
			return nil, bad("app", "%q is not the app of the credential", d.event.App)
		}
	}
	if d.event.Time.IsZero() {
		d.event.Time = d.time
	}
	if !d.event.Kind.Valid() {
		return nil, bad("kind", "%q is not a kind of this ledger; see events/FORMAT.md", d.event.Kind)
	}
	if fact && d.event.Kind.Shape() == ShapeFact {
		d.event.Data = &d.fact
	} else if err := d.data(raw); err != nil {
		return nil, err
	}
	if err := Check(&d.event); err != nil {
		return nil, err
	}
	return &d.event, nil
}

// envelope reads the header and returns the data as it stands; fact says that
// it is already read into d.fact.
func (d *Decoder) envelope(data []byte) (raw []byte, fact bool, err error) {
	version := 0
	if d.strict {
		version = Version // the door may leave it out
	}
	s := scanner{b: data}
	err = s.object(func(key string) (err error) {
		e := &d.event
		switch key {
		case "v":
			if version, err = s.number(); version > Version {
				// What a newer version means by the other fields is not known.
				return &VersionError{version}
			}
		case "id":
			e.ID, err = s.text()
		case "kind":
			var kind string
			kind, err = s.text()
			e.Kind = Kind(kind)
		case "app":
			e.App, err = s.text()
		case "push":
			e.Push, err = s.text()
		case "time":
			e.Time, err = s.time()
		case "trace":
			e.Trace, err = d.trace(&s)
		case "data":
			s.space()
			start := s.i
			if e.Kind.Shape() == ShapeFact {
				// The usual order: a fact is read in one pass.
				if err = d.factData(&s); err != nil {
					return asField("data", err)
				}
				fact = true
			} else {
				fact, err = false, s.skip(0)
			}
			raw = s.b[start:s.i]
		default:
			if d.strict {
				return bad(key, "is not a field of an event; see events/FORMAT.md")
			}
			_, err = s.raw()
			return err
		}
		return inField(key, err)
	})
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return nil, false, asField("event", err)
	}
	if version != Version {
		return nil, false, bad("v", "is missing or not %d", Version)
	}
	if raw == nil {
		return nil, false, bad("data", "is missing")
	}
	return raw, fact, nil
}

// trace reads the trace context. On the log it is passed over where it is none: a
// fact counts whatever stands there, and before there was this field anything could.
func (d *Decoder) trace(s *scanner) (string, error) {
	s.space()
	if !d.strict && s.i < len(s.b) && s.b[s.i] != '"' {
		_, err := s.raw()
		return "", err
	}
	text, err := s.text()
	if err != nil {
		return "", err
	}
	if why := wrongTrace(text); why != "" {
		if d.strict {
			return "", errors.New(why)
		}
		return "", nil
	}
	return text, nil
}

func (d *Decoder) data(raw []byte) error {
	var v Data
	switch d.event.Kind.Shape() {
	case ShapeFact:
		d.event.Data = &d.fact
		return asField("data", d.factData(&scanner{b: raw}))
	case ShapeCreated:
		v = new(Created)
	case ShapeRequested:
		v = new(Requested)
	case ShapeRefused:
		v = new(Refused)
	case ShapeClosed:
		v = new(Closed)
	case ShapeCommand:
		v = new(Command)
	case ShapeOutcome:
		v = new(Outcome)
	case ShapeKey:
		v = new(Key)
	}
	if err := checkEncoding(raw); err != nil {
		return bad("data", "%s", err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if d.strict {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(v); err != nil {
		return jsonField(err)
	}
	d.event.Data = v
	return nil
}

func (d *Decoder) factData(s *scanner) error {
	d.fact = Fact{}
	return s.object(func(key string) (err error) {
		switch key {
		case "channel":
			d.fact.Channel, err = s.text()
		case "reason":
			d.fact.Reason, err = s.text()
		case "send":
			d.fact.Send, err = s.text()
		case "devices":
			d.devices, err = s.strings(d.devices[:0], MaxDevices)
			d.fact.Devices = d.devices
		case "users":
			d.users, err = s.strings(d.users[:0], MaxDevices)
			d.fact.Users = d.users
		default:
			if d.strict {
				return bad("data."+key, "is not a field of a fact; see events/FORMAT.md")
			}
			_, err = s.raw()
			return err
		}
		return inField("data."+key, err)
	})
}

// asField names the part of the event a scan error happened in.
func asField(part string, err error) error {
	var f *FieldError
	var v *VersionError
	if err == nil || errors.As(err, &f) || errors.As(err, &v) {
		return err
	}
	return bad(part, "%s", err.Error())
}

// inField names the field whose value is wrong. JSON that ends too early is no
// fault of the field it ends in.
func inField(field string, err error) error {
	if err == nil || errors.Is(err, errShort) {
		return err
	}
	return bad(field, "%s", err)
}

// jsonField turns an encoding/json error into one that names the field.
func jsonField(err error) error {
	var t *json.UnmarshalTypeError
	if errors.As(err, &t) && t.Field != "" {
		return bad("data."+t.Field, "is a JSON %s, expected %s", t.Value, t.Type)
	}
	return bad("data", "%s", err.Error())
}
