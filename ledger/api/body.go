package api

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// lineBuffer is how much of a body of lines is held at once; a longer line is
// gathered.
const lineBuffer = 64 << 10

// eachLine calls f for every line that is not blank. The slice is valid until
// f returns.
func eachLine(body io.Reader, f func([]byte) error) error {
	r := bufio.NewReaderSize(body, lineBuffer)
	var long []byte
	for end := false; !end; {
		part, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			long = append(long, part...)
			continue
		case errors.Is(err, io.EOF):
			end = true
		case err != nil:
			return bodyProblem(err)
		}
		line := part
		if len(long) > 0 {
			long = append(long, part...)
			line = long
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if err := f(line); err != nil {
				return err
			}
		}
		long = long[:0]
	}
	return nil
}

// eachJSON calls f for one object, or for every element of an array.
func eachJSON(body io.Reader, f func([]byte) error) error {
	r := bufio.NewReaderSize(body, lineBuffer)
	for {
		c, err := r.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return problem(codeBadJSON, "the body is empty")
		case err != nil:
			return bodyProblem(err)
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			continue
		}
		if err := r.UnreadByte(); err != nil {
			return err
		}
		if c == '[' {
			return eachElement(r, f)
		}
		return eachObject(r, f)
	}
}

// eachObject calls f for the one object the body must be.
func eachObject(body io.Reader, f func([]byte) error) error {
	b, err := io.ReadAll(body)
	if err != nil {
		return bodyProblem(err)
	}
	b = bytes.TrimSpace(b)
	if len(b) == 0 || b[0] != '{' || !json.Valid(b) {
		return problem(codeBadJSON, "the body is not a JSON object")
	}
	return f(b)
}

// eachElement calls f for every element of the array the body must be. The
// slice is valid until f returns.
func eachElement(body io.Reader, f func([]byte) error) error {
	d := json.NewDecoder(body)
	t, err := d.Token()
	if err != nil {
		return bodyProblem(err)
	}
	if t != json.Delim('[') {
		return problem(codeBadJSON, "the body is not a JSON array")
	}
	var raw json.RawMessage
	for d.More() {
		if err := d.Decode(&raw); err != nil {
			return bodyProblem(err)
		}
		if err := f(raw); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return bodyProblem(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return problem(codeBadJSON, "there is text after the JSON array")
	}
	return nil
}

// bodyProblem is the problem of a body that cannot be read to its end.
func bodyProblem(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return jsonProblem(err)
	}
	if toProblem(err) != nil {
		return err
	}
	return problem(codeBadRequest, "the body broke off")
}

// cloudEvent is a CloudEvent 1.0 in structured mode. Attributes that are not
// named here are extensions and are passed over, as the specification asks.
type cloudEvent struct {
	SpecVersion string `json:"specversion"`
	ID          string `json:"id"`
	Source      string `json:"source"`
	Type        string `json:"type"`
	Subject     string `json:"subject"`
	Time        string `json:"time"`
	ContentType string `json:"datacontenttype"`
	App         string `json:"app"`
	// TraceParent is of the Distributed Tracing extension. An empty one is wrong.
	TraceParent *string         `json:"traceparent"`
	Data        json.RawMessage `json:"data"`
}

// plainEvent is an event in the ledger's own form.
type plainEvent struct {
	ID   string `json:"id,omitempty"`
	Kind string `json:"kind"`
	App  string `json:"app,omitempty"`
	Push string `json:"push"`
	Time string `json:"time,omitempty"`
	// Trace is given as it came: the decoder says what is wrong with it.
	Trace *string         `json:"trace,omitempty"`
	Data  json.RawMessage `json:"data,omitempty"`
}

// fromCloud turns a CloudEvent into an event in the ledger's own form: type is
// the kind, subject the push.
func fromCloud(raw []byte) ([]byte, *refusal) {
	if !utf8.Valid(raw) {
		return nil, refuse(refusedForm, "event", "is not valid UTF-8")
	}
	var c cloudEvent
	if err := json.Unmarshal(raw, &c); err != nil {
		var t *json.UnmarshalTypeError
		if errors.As(err, &t) && t.Field != "" {
			return nil, refuse(refusedForm, t.Field, "is a JSON %s, expected a %s", t.Value, t.Type)
		}
		return nil, refuse(refusedForm, "event", "is not a JSON object")
	}
	if bad := c.check(); bad != nil {
		return nil, bad
	}
	b, err := json.Marshal(plainEvent{ID: c.ID, Kind: c.Type, App: c.App, Push: c.Subject, Time: c.Time, Trace: c.TraceParent, Data: c.Data})
	if err != nil {
		return nil, refuse(refusedForm, "event", "%s", err)
	}
	return b, nil
}

// cloudField is the CloudEvents name of a field of an event.
func cloudField(name string) string {
	switch name {
	case "kind":
		return "type"
	case "push":
		return "subject"
	case "trace":
		return "traceparent"
	}
	return name
}

// check refuses an envelope that is not a CloudEvent 1.0 with JSON data.
func (c *cloudEvent) check() *refusal {
	switch {
	case c.SpecVersion != "1.0":
		return refuse(refusedForm, "specversion", "is missing or not 1.0")
	case c.ID == "":
		return refuse(refusedForm, "id", "is missing")
	case c.Source == "":
		return refuse(refusedForm, "source", "is missing")
	case c.ContentType != "" && c.ContentType != TypeJSON:
		return refuse(refusedForm, "datacontenttype", "is not application/json")
	}
	return nil
}
