package callback

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
)

const (
	aFact    = `{"kind":"delivery.delivered","push":"order-4711","devices":["d"]}`
	aReceipt = `{"statuses":[{"biTag":"order-4711","token":"t","status":0,"timestamp":1795167659000}]}`
	anArrive = `[{"registrationIds":"d","eventTime":"1795167659000","param":"order-4711","eventType":"push_arrive"}]`

	unauthenticated = `{"type":"/problems/unauthenticated","title":"No valid credential","status":401,` +
		`"detail":"the address or what proves the call is wrong; which of them is not told","code":"unauthenticated"}`
)

// with replaces one header.
func with(headers []string, name, value string) []string {
	list := append([]string{}, headers...)
	for i := 0; i < len(list); i += 2 {
		if list[i] == name {
			list[i+1] = value
		}
	}
	return list
}

// TestProofs: what is not known and what is wrong get the same bytes, and write
// nothing.
func TestProofs(t *testing.T) {
	n := start(t, facadetest.Config{})
	good := sign(signKey, "m1", noon(), aFact)
	since := n.End()
	for what, c := range map[string]struct {
		path, body string
		headers    []string
	}{
		"no proof":             {"/callbacks/apns", aFact, nil},
		"another key":          {"/callbacks/apns", aFact, sign("another signing secret", "m1", noon(), aFact)},
		"another body":         {"/callbacks/apns", aFact + " ", good},
		"another id":           {"/callbacks/apns", aFact, with(good, "webhook-id", "m2")},
		"another time":         {"/callbacks/apns", aFact, with(good, "webhook-timestamp", "1795167661")},
		"another version":      {"/callbacks/apns", aFact, with(good, "webhook-signature", "v2,"+good[5][3:])},
		"no base64":            {"/callbacks/apns", aFact, with(good, "webhook-signature", "v1,%%%")},
		"no id":                {"/callbacks/apns", aFact, sign(signKey, "", noon(), aFact)},
		"a long id":            {"/callbacks/apns", aFact, sign(signKey, strings.Repeat("m", 257), noon(), aFact)},
		"an id with a dot":     {"/callbacks/apns", aFact, sign(signKey, "m.1", noon(), aFact)},
		"stale":                {"/callbacks/apns", aFact, sign(signKey, "m1", noon().Add(-MaxSkew-time.Second), aFact)},
		"from the future":      {"/callbacks/apns", aFact, sign(signKey, "m1", noon().Add(MaxSkew+time.Second), aFact)},
		"an unknown channel":   {"/callbacks/pager", aFact, good},
		"one without accounts": {"/callbacks/ntfy", aFact, good},
		"an unknown id":        {"/callbacks/apns/other", aFact, good},
		"an empty key":         {"/callbacks/ntfy", aFact, sign("", "m1", noon(), aFact)},
		"no token":             {"/callbacks/oppo/shop", anArrive, nil},
		"an empty token":       {"/callbacks/oppo/shop?token=", anArrive, nil},
		"another token":        {"/callbacks/oppo/shop?token=" + bankKey, anArrive, nil},
		"two tokens":           {"/callbacks/oppo/shop?token=" + oppoKey + "&token=" + oppoKey, anArrive, nil},
		"an unknown address":   {"/callbacks/oppo/other?token=", anArrive, nil},
		"another user":         {"/callbacks/huawei", aReceipt, huawei(hwKey, "other", "n1", noon())},
		"another callback key": {"/callbacks/huawei", aReceipt, huawei("huawei callback kez", "receipts", "n1", noon())},
		"a stale receipt":      {"/callbacks/huawei", aReceipt, huawei(hwKey, "receipts", "n1", noon().Add(-MaxSkew-time.Second))},
		"of before the start":  {"/callbacks/huawei", aReceipt, huawei(hwKey, "receipts", "n1", noon().Add(-2*time.Minute))},
		"no nonce":             {"/callbacks/huawei", aReceipt, huawei(hwKey, "receipts", "", noon())},
		"no fields":            {"/callbacks/huawei", aReceipt, []string{"X-HUAWEI-CALLBACK-ID", "x"}},
		"an unsigned receipt":  {"/callbacks/huawei", aReceipt, nil},
		"no huawei here":       {"/callbacks/huawei-emui9", aReceipt, huawei("", "", "n1", noon())},
	} {
		a := n.call(c.path, c.body, c.headers...)
		n.Expect(what, a, http.StatusUnauthorized, "application/problem+json", unauthenticated)
	}
	n.unchanged("what was refused", since)

	n.status("a good one", n.call("/callbacks/apns", aFact, good...), 200)
	n.status("at the edge", n.call("/callbacks/apns", aFact, sign(signKey, "m1", noon().Add(-MaxSkew), aFact)...), 200)
	n.status("one of two signatures", n.call("/callbacks/apns", aFact, with(good, "webhook-signature", "v1,AAAA "+good[5])...), 200)
	n.status("a good token", n.call("/callbacks/oppo/shop?token="+oppoKey, anArrive), 200)
	if status := n.Call("GET", "/callbacks/oppo/shop?token="+oppoKey, nil); status.Status != 405 || status.Header.Get("Allow") != "POST" {
		t.Errorf("GET = %d, Allow %q", status.Status, status.Header.Get("Allow"))
	}
}

// TestRepeatedNonce: Huawei's signature does not cover the body, so the same one
// comes with no other body; the vendor's own repetition passes and counts once.
func TestRepeatedNonce(t *testing.T) {
	n := start(t, facadetest.Config{})
	n.Record("shop", push, "")
	header := huawei(hwKey, "receipts", "n1", noon())
	for range 2 {
		n.status("the receipt", n.call("/callbacks/huawei", aReceipt, header...), 200)
	}
	since := n.End()
	forged := strings.Replace(aReceipt, `"t"`, `"victim"`, 1)
	n.status("another body", n.call("/callbacks/huawei", forged, header...), 401)
	n.unchanged("another body", since)
	n.status("another nonce", n.call("/callbacks/huawei", forged, huawei(hwKey, "receipts", "n2", noon())...), 200)
	if got := n.Funnels("shop", push)["huawei"]["delivered"]; got != 2 {
		t.Errorf("%d were delivered, want 2", got)
	}
}

// What a nonce came with is forgotten when its time no longer passes.
func TestNoncesAreForgotten(t *testing.T) {
	m := newNonces(noon())
	one, two := [32]byte{1}, [32]byte{2}
	for i, c := range []struct {
		nonce string
		body  [32]byte
		after time.Duration
		want  bool
	}{
		{"a", one, 0, true}, {"a", one, time.Second, true}, {"a", two, time.Second, false},
		{"b", two, 2 * MaxSkew, true}, {"a", two, 2 * MaxSkew, false}, {"a", two, 2*MaxSkew + 1, true},
	} {
		if got := m.bind(c.nonce, c.body, noon().Add(c.after)); got != c.want {
			t.Errorf("step %d: got %t", i, got)
		}
	}
	for i := range maxNonces {
		m.bind(fmt.Sprint(i), one, noon().Add(2*MaxSkew+1))
	}
	if len(m.seen) > maxNonces || len(m.seen) != len(m.queue) || m.bind("new", one, noon().Add(2*MaxSkew+1)) {
		t.Errorf("%d nonces are remembered", len(m.seen))
	}
}

// Addresses that are known and unknown are limited alike.
func TestGuessesAreLimited(t *testing.T) {
	n := start(t, facadetest.Config{})
	for _, path := range []string{"/callbacks/oppo/shop?token=wrong", "/callbacks/oppo/nobody?token=wrong"} {
		for range facade.MaxGuesses {
			n.status(path, n.call(path, anArrive), 401)
		}
		a := n.call(path, anArrive)
		n.status(path, a, 429)
		if a.Header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After is %q", a.Header.Get("Retry-After"))
		}
	}
	n.status("another address", n.call("/callbacks/oppo/bank?token="+bankKey, anArrive), 200)
	n.Advance(2 * time.Second)
	n.status("afterwards", n.call("/callbacks/oppo/shop?token="+oppoKey, anArrive), 200)
}

// The vector of Standard Webhooks' own libraries, which openssl confirms.
func TestStandardWebhooksVector(t *testing.T) {
	h := http.Header{}
	h.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	h.Set("webhook-timestamp", "1614265330")
	h.Set("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	a := Account{Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	at := time.Unix(1614265330, 0)
	if !signed(h, a, []byte(`{"test": 2432232314}`), at) || signed(h, a, []byte(`{"test": 2432232315}`), at) {
		t.Error("the vector does not hold")
	}
}
