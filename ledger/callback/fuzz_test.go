package callback

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/events"
)

// bodies returns the request bodies of a file of recorded calls.
func bodies(f *testing.F, file string) (list []string) {
	b, err := os.ReadFile("testdata/" + file + ".http")
	if err != nil {
		f.Fatal(err)
	}
	for _, exchange := range strings.Split("\n"+string(b), "\n### ")[1:] {
		request, _, _ := strings.Cut(exchange, "\n\nHTTP/1.1 ")
		_, body, _ := strings.Cut(request, "\n\n")
		list = append(list, body)
	}
	if len(list) == 0 {
		f.Fatalf("%s has no call", file)
	}
	return list
}

// fuzz checks what a parser makes of any body: events that the log takes, of the
// account's app and channel, or a refusal that the caller can read.
func fuzz(f *testing.F, file, channel string, parse func(*intake, []byte) error) {
	for _, body := range bodies(f, file) {
		f.Add([]byte(body))
	}
	for _, body := range []string{``, `null`, `[]`, `{}`, `[null,7,"x",{}]`, `{"statuses":[null]}`, `{"a":null}`, `data=`, `[{"kind":"click.clicked"}]`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > MaxBody {
			return
		}
		var told [][]byte
		in := newIntake(Account{App: "shop", Channel: channel}, noon(), func(e *events.Event) error {
			data, err := events.Encode(e)
			told = append(told, data)
			return err
		})
		err := parse(in, body)
		if err == nil {
			err = in.finish()
		}
		if err != nil {
			if p := asProblem(err); p.Status != http.StatusBadRequest && p.Status != http.StatusRequestEntityTooLarge || p.Detail == "" || !json.Valid([]byte(asText(p))) {
				t.Errorf("%q is refused with %+v", body, p)
			}
			return
		}
		devices := 0
		for _, data := range told {
			e, err := events.Decode(data)
			if err != nil {
				t.Fatalf("%q makes %s: %v", body, data, err)
			}
			fact := e.Data.(*events.Fact)
			if e.App != "shop" || fact.Channel != channel || !e.Kind.Public() {
				t.Errorf("%q makes %s", body, data)
			}
			devices += len(fact.Devices)
		}
		if devices != in.accepted() {
			t.Errorf("%d devices are accepted, %d written", in.accepted(), devices)
		}
	})
}

func FuzzHuawei(f *testing.F)  { fuzz(f, "huawei", "huawei", parseHuawei) }
func FuzzHarmony(f *testing.F) { fuzz(f, "harmony", "harmony", parseHuawei) }
func FuzzHonor(f *testing.F)   { fuzz(f, "honor", "honor", parseHonor) }
func FuzzXiaomi(f *testing.F)  { fuzz(f, "xiaomi", "xiaomi", parseXiaomi) }
func FuzzOPPO(f *testing.F)    { fuzz(f, "oppo", "oppo", parseOPPO) }
func FuzzVivo(f *testing.F)    { fuzz(f, "vivo", "vivo", parseVivo) }
func FuzzFCM(f *testing.F)     { fuzz(f, "fcm", "fcm", parseFCM) }
func FuzzFacts(f *testing.F)   { fuzz(f, "generic", "apns", parseFacts) }

// Whatever the headers hold, only the key makes a proof.
func FuzzProof(f *testing.F) {
	f.Add("timestamp=1795167660000; nonce=n; value=AAAA", "m1", "1795167660", "v1,AAAA")
	f.Add("value=;;=;timestamp=-9223372036854775808;nonce=x", "", "9223372036854775807", "v1, v1a,x v1,")
	f.Fuzz(func(t *testing.T, receipt, id, stamp, signature string) {
		h := New(Config{Clock: noon})
		header := http.Header{"X-Huawei-Callback-Id": {receipt}, "Webhook-Id": {id}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {signature}}
		a := Account{Secret: "a secret that nobody guesses", User: "u"}
		if signed(header, a, nil, noon()) || h.huaweiSigned(header, a, nil) {
			t.Errorf("a guess holds: %q %q %q %q", receipt, id, stamp, signature)
		}
	})
}
