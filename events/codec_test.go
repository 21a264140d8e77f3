package events_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
)

// body writes an event with the data of a kind.
func body(kind, data string) string {
	return fmt.Sprintf(`{"v":1,"kind":%q,"app":"shop","push":"p","time":"2026-11-20T09:41:00Z","data":%s}`, kind, data)
}

// with is a good click in which one piece of text is another.
func with(old, new string) string {
	good := body("click.clicked", `{"channel":"apns","devices":["d"]}`)
	if !strings.Contains(good, old) {
		panic("nothing to replace: " + old)
	}
	return strings.Replace(good, old, new, 1)
}

func list(n int, item string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + "]"
}

// TestDecodeRefuses names the field and the limit or reason of every refusal.
func TestDecodeRefuses(t *testing.T) {
	created := func(data string) string { return body("push.created", data) }
	sent := func(data string) string { return body("push.sent", data) }
	for _, test := range []struct {
		name, json    string
		field, reason string
	}{
		{"no version", with(`"v":1,`, ""), "v", "missing"},
		{"version 0", with(`"v":1`, `"v":0`), "v", "not 1"},
		{"negative version", with(`"v":1`, `"v":-1`), "v", "not 1"},
		{"version as text", with(`"v":1`, `"v":"1"`), "v", "not a whole number"},
		{"fractional version", with(`"v":1`, `"v":1.5`), "v", "not a whole number"},
		{"unknown kind", with("click.clicked", "click.pressed"), "kind", `"click.pressed"`},
		{"no kind", with(`"kind":"click.clicked",`, ""), "kind", `""`},
		{"kind as number", with(`"click.clicked"`, "7"), "kind", "expected '\"'"},
		{"no app", with(`"app":"shop",`, ""), "app", "missing"},
		{"app with a dot", with("shop", "sh.op"), "app", "letters, digits"},
		{"app too long", with("shop", strings.Repeat("a", 65)), "app", "limit is 64"},
		{"no push", with(`"push":"p",`, ""), "push", "missing"},
		{"push too long", with(`"p"`, `"`+strings.Repeat("p", 129)+`"`), "push", "limit is 128"},
		{"push with a line break", with(`"p"`, `"p\n"`), "push", "control character 0x0a"},
		{"id too long", with(`"v":1`, `"v":1,"id":"`+strings.Repeat("i", 65)+`"`), "id", "limit is 64"},
		{"no time", with(`"time":"2026-11-20T09:41:00Z",`, ""), "time", "missing"},
		{"time without zone", with("09:41:00Z", "09:41:00"), "time", "RFC 3339"},
		{"time as number", with(`"2026-11-20T09:41:00Z"`, "1700000000"), "time", "expected '\"'"},
		{"year 1970", with("2026", "1970"), "time", "year 1970"},
		{"year 2200", with("2026", "2200"), "time", "year 2200"},
		{"no data", with(`,"data":{"channel":"apns","devices":["d"]}`, ""), "data", "missing"},
		{"data null", body("click.clicked", "null"), "data", "expected '{'"},
		{"data of another kind", body("recall.completed", `{"channel":"apns"}`), "data.recall", "missing"},
		{"no channel", with(`"channel":"apns",`, ""), "data.channel", "missing"},
		{"channel with a star", with("apns", "*"), "data.channel", "letters, digits"},
		{"channel too long", with("apns", strings.Repeat("c", 33)), "data.channel", "limit is 32"},
		{"channel as number", with(`"apns"`, "5"), "data.channel", "expected '\"'"},
		{"no devices", with(`,"devices":["d"]`, ""), "data.devices", "1 to 1000"},
		{"empty devices", with(`["d"]`, "[]"), "data.devices", "1 to 1000"},
		{"1001 devices", with(`["d"]`, list(1001, `"d"`)), "data.devices", "more than 1000"},
		{"devices as text", with(`["d"]`, `"d"`), "data.devices", "expected '['"},
		{"device as number", with(`["d"]`, `["a",7]`), "data.devices", "expected '\"'"},
		{"empty device", with(`["d"]`, `["a",""]`), "data.devices[1]", "missing"},
		{"device too long", with(`["d"]`, `["a","`+strings.Repeat("d", 513)+`"]`), "data.devices[1]", "limit is 512"},
		{"escaped control character", with(`["d"]`, `["\u0007"]`), "data.devices[0]", "control character 0x07"},
		{"raw control character", with(`["d"]`, "[\"\x07\"]"), "data.devices", "control character 0x07"},
		{"device not UTF-8", with(`["d"]`, "[\"\xff\xfe\"]"), "data.devices[0]", "not valid UTF-8"},
		{"escaped device not UTF-8", with(`["d"]`, "[\"\\u0041\xff\"]"), "data.devices", "not valid UTF-8"},
		{"half a surrogate pair", with(`["d"]`, `["\ud83d"]`), "data.devices", "surrogate"},
		{"surrogates the wrong way", with(`["d"]`, `["\ude00\ud83d"]`), "data.devices", "surrogate"},
		{"reason too long", with(`["d"]`, `["d"],"reason":"`+strings.Repeat("r", 257)+`"`), "data.reason", "limit is 256"},
		{"users of another length", sent(`{"channel":"apns","devices":["a","b"],"users":["u"]}`), "data.users", "1 entries for 2 devices"},
		{"users on a click", with(`["d"]`, `["d"],"users":["u"]`), "data.users", "push.sent only"},
		{"user too long", sent(`{"channel":"apns","devices":["a"],"users":["` + strings.Repeat("u", 129) + `"]}`), "data.users[0]", "limit is 128"},
		{"1001 users", sent(`{"channel":"apns","devices":["a"],"users":` + list(1001, `""`) + `}`), "data.users", "more than 1000"},
		{"text after the event", with("}}", "}} x"), "event", "text after"},
		{"two events", with("}}", "}}{}"), "event", "text after"},
		{"an array", "[]", "event", "expected '{'"},
		{"nothing", "", "event", "ends too early"},
		{"not JSON", with(`"d"`, `"d\x"`), "data.devices", "invalid character"},
		{"bad literal", with(`"v":1`, `"v":1,"x":nul`), "event", "expected a JSON value"},
		{"nested too deep", with(`"v":1`, `"v":1,"x":`+strings.Repeat("[", 34)+strings.Repeat("]", 34)), "event", "deeper than 32"},
		{"nested data", created(strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)), "data", "deeper than 32"},
		{"too many bytes", strings.Repeat(" ", events.MaxEventBytes) + with("p", "p"), "event", "limit is 1048576"},
		{"unknown audience", created(`{"audience":{"kind":"world"}}`), "data.audience.kind", `"world"`},
		{"no audience", created(`{}`), "data.audience.kind", "device, user, list, tag, all"},
		{"too many names", created(`{"audience":{"kind":"tag","names":` + list(21, `"a"`) + `}}`), "data.audience.names", "limit is 20"},
		{"empty name", created(`{"audience":{"kind":"tag","names":["a",""]}}`), "data.audience.names[1]", "missing"},
		{"title too long", created(`{"audience":{"kind":"all"},"title":"` + strings.Repeat("t", 513) + `"}`), "data.title", "limit is 512"},
		{"body too long", created(`{"audience":{"kind":"all"},"body":"` + strings.Repeat("b", 4097) + `"}`), "data.body", "limit is 4096"},
		{"slot too long", created(`{"audience":{"kind":"all"},"slot":"` + strings.Repeat("s", 65) + `"}`), "data.slot", "limit is 64"},
		{"profile", created(`{"audience":{"kind":"all"},"profile":"a b"}`), "data.profile", "letters, digits"},
		{"schedule in 1970", created(`{"audience":{"kind":"all"},"schedule_at":"1970-01-01T00:00:00Z"}`), "data.schedule_at", "year 1970"},
		{"too many labels", created(`{"audience":{"kind":"all"},"labels":` + labels(17) + `}`), "data.labels", "limit is 16"},
		{"label too long", created(`{"audience":{"kind":"all"},"labels":{"a":"` + strings.Repeat("l", 129) + `"}}`), "data.labels.a", "limit is 128"},
		{"title as number", created(`{"audience":{"kind":"all"},"title":7}`), "data.title", "expected string"},
		{"title not UTF-8", created("{\"audience\":{\"kind\":\"all\"},\"title\":\"\xff\"}"), "data", "not valid UTF-8"},
		{"title with half a pair", created(`{"audience":{"kind":"all"},"title":"\udc00"}`), "data", "surrogate"},
		{"scope of device and user", body("recall.requested", `{"recall":"r","scope":{"device":"d","user":"u"},"deadline":"2026-11-20T09:41:00Z"}`), "data.scope", "name one"},
		{"recall without deadline", body("recall.requested", `{"recall":"r"}`), "data.deadline", "missing"},
		{"recall id too long", body("recall.aborted", `{"recall":"`+strings.Repeat("r", 65)+`"}`), "data.recall", "limit is 64"},
		{"501 devices in a command", body("command.issued", `{"recall":"r","channel":"apns","devices":`+list(501, `"d"`)+`}`), "data.devices", "limit is 500"},
		{"answer too long", body("key.claimed", `{"key":"k","answer":"`+strings.Repeat("a", 16<<10+1)+`"}`), "data.answer", "limit is 16384"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, err := events.Decode([]byte(test.json))
			field, ok := errors.AsType[*events.FieldError](err)
			if !ok {
				t.Fatalf("Decode = %+v, %v, want a *FieldError", e, err)
			}
			if field.Field != test.field || !strings.Contains(field.Reason, test.reason) {
				t.Errorf("Decode = %v, want field %q and a reason with %q", err, test.field, test.reason)
			}
		})
	}
}

func labels(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"l%d":"x"`, i)
	}
	return "{" + b.String()[1:] + "}"
}

func TestDecodeNewerVersion(t *testing.T) {
	// What a newer version means by its fields is not this program's to judge.
	for _, json := range []string{with(`"v":1`, `"v":2`), `{"v":2,"kind":7}`, `{"v":2,"time":"noon","data":[]}`} {
		for name, decode := range map[string]func([]byte) (*events.Event, error){"Decode": events.Decode, "DecodeStrict": events.DecodeStrict} {
			_, err := decode([]byte(json))
			version, ok := errors.AsType[*events.VersionError](err)
			if !ok || version.Version != 2 || !strings.Contains(err.Error(), "version 2") {
				t.Errorf("%s(%s) = %v, want a *VersionError of 2", name, json, err)
			}
		}
	}
}

func TestUnknownFields(t *testing.T) {
	for _, test := range []struct{ name, json, field string }{
		{"envelope", with(`"v":1`, `"v":1,"prio":{"a":[1,true,null,"\u00e9"]}`), "prio"},
		{"fact", with(`["d"]`, `["d"],"colour":"red"`), "data.colour"},
		{"created", body("push.created", `{"audience":{"kind":"all"},"tittle":"x"}`), "data"},
	} {
		if _, err := events.Decode([]byte(test.json)); err != nil {
			t.Errorf("%s: Decode = %v, want a reader to pass over what a newer writer adds", test.name, err)
		}
		_, err := events.DecodeStrict([]byte(test.json))
		field, ok := errors.AsType[*events.FieldError](err)
		if !ok || field.Field != test.field {
			t.Errorf("%s: DecodeStrict = %v, want field %q refused", test.name, err, test.field)
		}
	}
}

func TestDecodeForms(t *testing.T) {
	want := &events.Event{
		Header: events.Header{Kind: events.ClickClicked, App: "shop", Push: "p", Time: at(0)},
		Data:   &events.Fact{Channel: "apns", Devices: []string{"d"}},
	}
	for _, json := range []string{
		with("p", "p"),
		" \t\r\n" + strings.NewReplacer(":{", " : {\n", ",", " ,\t", "[", "[ ", "]", " ]").Replace(with("p", "p")) + "\n",
		`{"data":{"devices":["\u0064"],"channel":"\u0061pns"},"time":"2026-11-20T17:41:00+08:00","push":"p","app":"shop","kind":"click.clicked","v":1}`,
		with(`["d"]`, `["d"],"users":[]`),
	} {
		got, err := events.Decode([]byte(json))
		if err != nil {
			t.Errorf("Decode(%s) = %v", json, err)
			continue
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("Decode(%s): %s", json, diff)
		}
	}
}

// TestTruncated cuts every golden at every byte: an error, never a panic.
func TestTruncated(t *testing.T) {
	for _, kind := range events.Kinds() {
		line := bytes.TrimSpace(golden(t, kind))
		for n := range line {
			if e, err := events.Decode(line[:n]); err == nil {
				t.Fatalf("%s cut at byte %d decodes to %+v", kind, n, e)
			}
		}
	}
}

func TestDoorDecoder(t *testing.T) {
	now := at(5)
	for _, test := range []struct {
		name, json, field string
		want              events.Header
	}{
		{"all given", with("p", "p"), "", events.Header{Kind: "click.clicked", App: "shop", Push: "p", Time: at(0)}},
		{"app missing", with(`"app":"shop",`, ""), "", events.Header{Kind: "click.clicked", App: "shop", Push: "p", Time: at(0)}},
		{"time missing", with(`"time":"2026-11-20T09:41:00Z",`, ""), "", events.Header{Kind: "click.clicked", App: "shop", Push: "p", Time: now}},
		{"version missing", with(`"v":1,`, ""), "", events.Header{Kind: "click.clicked", App: "shop", Push: "p", Time: at(0)}},
		{"another app", with("shop", "bank"), "app", events.Header{}},
		{"misspelt", with(`"push"`, `"psuh"`), "psuh", events.Header{}},
	} {
		d := events.NewDoorDecoder("shop", now)
		for range 2 { // the second use must not see the first
			e, err := d.Decode([]byte(test.json))
			if test.field != "" {
				field, ok := errors.AsType[*events.FieldError](err)
				if !ok || field.Field != test.field {
					t.Errorf("%s: Decode = %v, want field %q refused", test.name, err, test.field)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
				continue
			}
			if diff := cmp.Diff(e.Header, test.want); diff != "" {
				t.Errorf("%s: %s", test.name, diff)
			}
		}
	}
}

// TestDecoderReuse decodes every golden with one decoder: nothing of an event
// may shine through in the next.
func TestDecoderReuse(t *testing.T) {
	var d events.Decoder
	for range 2 {
		for _, want := range samples() {
			got, err := d.Decode(golden(t, want.Kind))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, want); diff != "" {
				t.Errorf("%s: %s", want.Kind, diff)
			}
		}
	}
}

func TestEncodeRefusesWhatNoReaderTakes(t *testing.T) {
	// Each device is within its limit; its escapes make the event too long.
	devices := make([]string, events.MaxDevices)
	users := make([]string, events.MaxDevices)
	for i := range devices {
		devices[i] = strings.Repeat(`"`, events.MaxDevice)
		users[i] = strings.Repeat(`\`, events.MaxUser)
	}
	e := &events.Event{
		Header: events.Header{Kind: events.PushSent, App: "shop", Push: "p", Time: at(0)},
		Data:   &events.Fact{Channel: "apns", Devices: devices, Users: users},
	}
	if err := events.Check(e); err != nil {
		t.Fatal(err)
	}
	_, err := events.Encode(e)
	field, ok := errors.AsType[*events.FieldError](err)
	if !ok || field.Field != "event" || !strings.Contains(field.Reason, "limit is 1048576") {
		t.Errorf("Encode = %v, want the size limit named", err)
	}
	// Only the event itself counts, not what stands in the buffer before it.
	small := samples()[0]
	if _, err := events.Append(make([]byte, events.MaxEventBytes), small); err != nil {
		t.Errorf("Append behind other bytes: %v", err)
	}
}

func TestCheckRefusesMixedUp(t *testing.T) {
	header := events.Header{Kind: events.ClickClicked, App: "shop", Push: "p", Time: time.Now()}
	for _, data := range []events.Data{nil, &events.Created{}, &events.Outcome{}} {
		err := events.Check(&events.Event{Header: header, Data: data})
		field, ok := errors.AsType[*events.FieldError](err)
		if !ok || field.Field != "data" {
			t.Errorf("Check with data %T = %v, want field data refused", data, err)
		}
	}
}

// BenchmarkDecoder shows that a device costs no allocation: what a fact of 500
// devices allocates is what a fact of one does.
func BenchmarkDecoder(b *testing.B) {
	for _, n := range []int{1, 500} {
		b.Run(fmt.Sprintf("devices=%d", n), func(b *testing.B) {
			data := manyDevices(b, n)
			var d events.Decoder
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Decode(data); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/device")
		})
	}
}

func manyDevices(t testing.TB, n int) []byte {
	devices := make([]string, n)
	for i := range devices {
		devices[i] = fmt.Sprintf("%032x", i)
	}
	data, err := events.Encode(&events.Event{
		Header: events.Header{Kind: events.ClickClicked, App: "shop", Push: "p", Time: at(0)},
		Data:   &events.Fact{Channel: "apns", Devices: devices},
	})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDecoderAllocatesNothingPerDevice(t *testing.T) {
	var d events.Decoder
	allocations := func(n int) float64 {
		data := manyDevices(t, n)
		return testing.AllocsPerRun(50, func() {
			if _, err := d.Decode(data); err != nil {
				t.Error(err)
			}
		})
	}
	if got, want := allocations(500), allocations(1); got != want {
		t.Errorf("500 devices take %v allocations, want the %v of one device", got, want)
	}
}
