package events_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/events"
)

// wrongTraces are texts that are no traceparent of version 00, with why.
func wrongTraces() map[string]string {
	return map[string]string{
		"":                                  "is 0 bytes long, a traceparent has 55",
		trace[:54]:                          "is 54 bytes long",
		trace + "-":                         "is 56 bytes long",
		strings.ToUpper(trace):              "lower-case hexadecimal digits, at byte 4",
		strings.Replace(trace, "-", "_", 1): "at byte 2",
		strings.Replace(trace, "b7-01", "b7001", 1):  "at byte 52",
		strings.Replace(trace, "4b", "-b", 1):        "at byte 3",
		"01" + trace[2:]:                             "version 01, only 00 is known",
		"ff" + trace[2:]:                             "version ff, only 00 is known",
		"00-" + strings.Repeat("0", 32) + trace[35:]: "a trace id of zeros",
		trace[:36] + strings.Repeat("0", 16) + "-01": "a parent id of zeros",
	}
}

// TestTraceAtTheDoor: a trace context that is none is refused by its name, at the
// door and before an event is written.
func TestTraceAtTheDoor(t *testing.T) {
	for text, want := range wrongTraces() {
		_, err := events.DecodeStrict([]byte(with(`"data"`, `"trace":"`+text+`","data"`)))
		var f *events.FieldError
		if !errors.As(err, &f) || f.Field != "trace" || !strings.Contains(f.Reason, want) {
			t.Errorf("%q: got %v, want trace: %s", text, err, want)
		}
		if text == "" {
			continue // an event without one
		}
		e, err := events.Decode([]byte(with(`"v":1`, `"v":1`)))
		if err != nil {
			t.Fatal(err)
		}
		e.Trace = text
		if err := events.Check(e); !errors.As(err, &f) || f.Field != "trace" || !strings.Contains(f.Reason, want) {
			t.Errorf("Check with %q: got %v, want trace: %s", text, err, want)
		}
	}
	for _, value := range []string{"null", "7", "{}", `["` + trace + `"]`} {
		_, err := events.DecodeStrict([]byte(with(`"data"`, `"trace":`+value+`,"data"`)))
		if f := (*events.FieldError)(nil); !errors.As(err, &f) || f.Field != "trace" {
			t.Errorf("%s: got %v, want a refusal of trace", value, err)
		}
	}
	for _, flags := range []string{"00", "03", "ff"} {
		if err := events.CheckTrace("trace", trace[:53]+flags); err != nil {
			t.Errorf("flags %s: %v", flags, err)
		}
	}
}

// TestTraceOnTheLog: what stood there before the field had a meaning stays readable,
// and the fact counts.
func TestTraceOnTheLog(t *testing.T) {
	values := []string{"null", "7", `{"id":["x"]}`}
	for text := range wrongTraces() {
		values = append(values, `"`+text+`"`)
	}
	for _, value := range values {
		e, err := events.Decode([]byte(with(`"data"`, `"trace":`+value+`,"data"`)))
		if err != nil || e.Trace != "" || len(e.Data.(*events.Fact).Devices) != 1 {
			t.Errorf("%s: %+v, %v", value, e, err)
		}
	}
	if _, err := events.Decode([]byte(with(`"data"`, `"trace":{,"data"`))); err == nil {
		t.Error("what is no JSON was read")
	}
	// Behind the data and with an escape, as another writer may put it.
	e, err := events.Decode([]byte(strings.TrimSuffix(with(`"v":1`, `"v":1`), "}") + `,"trace":"\u0030` + trace[1:] + `"}`))
	if err != nil || e.Trace != trace {
		t.Errorf("got %+v, %v", e, err)
	}
}

// TestTraceAllocatesNothing: a packed fact costs the same with one.
func TestTraceAllocatesNothing(t *testing.T) {
	plain := manyDevices(t, 500)
	traced := []byte(strings.Replace(string(plain), `"data"`, `"trace":"`+trace+`","data"`, 1))
	var d events.Decoder
	allocations := func(data []byte, want string) float64 {
		return testing.AllocsPerRun(50, func() {
			if e, err := d.Decode(data); err != nil || e.Trace != want {
				t.Errorf("%+v, %v", e, err)
			}
		})
	}
	if got, want := allocations(traced, trace), allocations(plain, ""); got != want {
		t.Errorf("a fact with a trace takes %v allocations, without %v", got, want)
	}
}
