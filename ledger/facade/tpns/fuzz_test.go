package tpns

import (
	"encoding/base64"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// fuzzNow is when everything in the fuzz targets happens.
var fuzzNow = time.Unix(sampleTime, 0)

// checkFailure reports an error that is not answered as the caller's mistake.
func checkFailure(t *testing.T, err error) {
	t.Helper()
	if f, own := failureOf(err); own || f.code == codeOK || f.message == "" {
		t.Errorf("a caller's mistake is answered with %+v: %v", f, err)
	}
}

// A push that is accepted is one that the ledger takes, or refuses for what the
// caller said; read twice it is the same.
func FuzzPush(f *testing.F) {
	const rest = `"message_type":"notify","message":{"title":"t"}`
	for _, body := range []string{
		goBody, javaBody, phpBody, sampleBody, overrideSample, "null",
		`{"audience_type":"tag","tag_rules":[{"tag_items":[{"tags":["a","b"],"tags_operator":"OR"}],"is_not":false}],` + rest + `}`,
		`{"audience_type":"tag","tag_list":{"tags":["a","b"],"op":"or"},` + rest + `}`,
		`{"audience_type":"package_account_push","upload_id":"9","send_time":"2019-08-10 09:39:49","group_id":7,"plan_id":"p",` + rest + `}`,
		`{"audience_type":"all","expire_time":1.5,` + rest + `}`,
		`{"audience_type":"all","multi_pkg":"maybe",` + rest + `}`,
		`{"audience_type":"all","collapse_id":4294967296,"loop_param":{"loopType":1},"channel_rules":[{"channel":"hw","disable":true}],` + rest + `}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var q, again pushRequest
		if err := parse(body, &q); err != nil {
			checkFailure(t, err)
			return
		}
		s, err := q.created(fuzzNow)
		if err != nil {
			checkFailure(t, err)
			return
		}
		n := s.created
		if off := n.ExpireAt.Sub(fuzzNow); off < minExpire || off > maxAhead+maxExpire {
			t.Errorf("it expires after %s", off)
		}
		if n.ScheduleAt != nil && (!s.kind.timed || n.ScheduleAt.Sub(fuzzNow) > maxAhead || !n.ScheduleAt.After(fuzzNow)) {
			t.Errorf("audience %s starts at %s", s.kind.name, n.ScheduleAt)
		}
		if (s.kind.single && len(n.Audience.Names) != 1) || len(n.Labels[labelTarget]) != 32 {
			t.Errorf("the audience is %+v with labels %v", n.Audience, n.Labels)
		}
		e := &events.Event{Header: events.Header{Kind: events.PushCreated, App: "shop", Push: "1", Time: fuzzNow}, Data: n}
		if err = events.Check(e); err == nil {
			_, err = events.Encode(e)
		}
		if err != nil {
			checkFailure(t, err)
		}
		if q.CollapseID != 0 {
			if err := q.checkOverride(s); err != nil {
				checkFailure(t, err)
			} else if int64(uint32(q.CollapseID)) != int64(q.CollapseID) {
				t.Errorf("collapse_id %d was accepted", q.CollapseID)
			}
		}
		if err := parse(body, &again); err != nil {
			t.Fatal(err)
		}
		if other, err := again.created(fuzzNow); err != nil || !reflect.DeepEqual(other.created, n) {
			t.Errorf("read twice: %+v and %+v: %v", n, other, err)
		}
	})
}

// overrideSample is a push that replaces another one.
const overrideSample = `{"audience_type":"all","message_type":"notify","message":{"title":"Sorry","content":"5 % off"},"collapse_id":"0001","force_collapse":true}`

// A push_id that is accepted is one that the ledger takes.
func FuzzRecallBody(f *testing.F) {
	for _, body := range []string{
		byID("1234567890123456789"), `{"pushId":1234567890123456789}`, `{"pushId":"1","pushid":"2"}`, `{"pushid":null}`, `{"pushId":1.5}`, `[]`,
		`{"startDate":"2026-11-20","endDate":"2026-11-20","msgType":"notify","pushType":"token","offset":"5","limit":10}`,
		`{"startDate":"2026-11-20","endDate":"2026-11-19"}`, `{"startDate":"20261120","endDate":"20261120"}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var q recordRequest
		if err := parse(body, &q); err != nil {
			checkFailure(t, err)
			return
		}
		// The calls that take a push back know fewer fields.
		var short idRequest
		if err := parse(body, &short); err != nil || short != q.idRequest {
			t.Errorf("read as %+v and as %+v: %v", q.idRequest, short, err)
		}
		id, err := q.id()
		if err != nil {
			checkFailure(t, err)
		} else if err := events.CheckID("pushId", id, events.MaxPush); err != nil {
			t.Error(err)
		}
		if c := collapseOf(id, fuzzNow); c != 0 {
			if n, err := strconv.ParseInt(id, 10, 64); err != nil || pushNumber(n>>32, c) != id {
				t.Errorf("push_id %q has collapse_id %d: %v", id, c, err)
			}
		}
		from, to, err := q.dates()
		if err != nil {
			checkFailure(t, err)
		} else if !from.Before(to) || from.Format(time.DateOnly) != string(q.StartDate) {
			t.Errorf("%s to %s are the days %s to %s", from, to, q.StartDate, q.EndDate)
		}
	})
}

// fuzzHandler is a handler that knows the keys of every node.
func fuzzHandler(f *testing.F) *Handler {
	credentials, err := facade.OpenCredentials(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	for _, k := range []facade.Credential{
		{Facade: facade.TPNS, ID: shopID, App: "shop", Secret: shopSecret},
		{Facade: facade.TPNS, ID: offID, App: "shop", Secret: offSecret, Disabled: true},
	} {
		if err := credentials.Put(k); err != nil {
			f.Fatal(err)
		}
	}
	clock := func() time.Time { return fuzzNow }
	return New(Config{Desk: facade.NewDesk(facade.Config{Credentials: credentials, Clock: clock}), Started: fuzzNow.Add(-time.Hour)})
}

// checkCaller reports a caller that is known without a right, or refused with
// another code than the one of every wrong credential.
func checkCaller(t *testing.T, err error, right bool, c *call) {
	t.Helper()
	var refusal *failure
	switch {
	case err == nil && (!right || c.app != "shop" || c.by != "tpns/"+shopID):
		t.Errorf("%q of %q is let in", c.by, c.app)
	case err != nil && (right || c.app != "" || c.by != ""):
		t.Errorf("%q of %q is refused: %v", c.by, c.app, err)
	case err != nil && (!errors.As(err, &refusal) || refusal.code != codeAuth):
		t.Errorf("refused with %v", err)
	}
}

// A signature lets in whom it was made by, at its time and over its body, and nobody else.
func FuzzSign(f *testing.F) {
	stamp := strconv.Itoa(sampleTime)
	f.Add(shopID, stamp, sampleSign, []byte(sampleBody))
	f.Add(shopID, stamp, base64.StdEncoding.EncodeToString(sign(shopSecret, stamp, shopID, []byte("{}"))), []byte("{}"))
	f.Add(shopID, stamp, base64.StdEncoding.EncodeToString(sign(shopSecret, stamp, shopID, []byte("{}")))+"\n", []byte("{}"))
	f.Add(shopID+"{", stamp, "!", []byte("}"))
	f.Add(offID, "01565314789", base64.StdEncoding.EncodeToString(sign(offSecret, stamp, offID, nil)), []byte(nil))
	h := fuzzHandler(f)
	f.Fuzz(func(t *testing.T, id, stamp, given string, body []byte) {
		h.guard = facade.NewGuard() // guesses of other inputs do not count
		header := http.Header{}
		for name, v := range map[string]string{headerAccess: id, headerTime: stamp, headerSign: given} {
			header[http.CanonicalHeaderKey(name)] = []string{v}
		}
		at, ok := seconds(stamp)
		inTime := ok && at.Sub(fuzzNow).Abs() <= skew
		raw, err := base64.StdEncoding.Strict().DecodeString(given)
		right := err == nil && id == shopID && inTime && string(raw) == string(sign(shopSecret, stamp, id, body))
		c := &call{body: body, now: fuzzNow}
		checkCaller(t, h.signed(header, endpoint{}, c), right, c)
		// The same, signed by the shop.
		header.Set(headerAccess, shopID)
		header.Set(headerSign, base64.StdEncoding.EncodeToString(sign(shopSecret, stamp, shopID, body)))
		c = &call{body: body, now: fuzzNow}
		checkCaller(t, h.authenticate(header, endpoint{}, c), inTime, c)
	})
}

// Basic lets in who has the secret, and reads back what a client wrote.
func FuzzBasic(f *testing.F) {
	f.Add(shop()[1], shopID, shopSecret)
	f.Add("basic "+base64.StdEncoding.EncodeToString([]byte(offID+":"+offSecret)), offID, offSecret)
	f.Add("Basic !", "", "a:b")
	f.Add("Bearer "+shopSecret, "a", "")
	h := fuzzHandler(f)
	f.Fuzz(func(t *testing.T, authorization, id, secret string) {
		h.guard = facade.NewGuard() // guesses of other inputs do not count
		header := http.Header{"Authorization": {authorization}}
		gotID, gotSecret := basic(header)
		if len(gotID)+len(gotSecret) > len(authorization) {
			t.Errorf("%q is %q and %q", authorization, gotID, gotSecret)
		}
		c := &call{now: fuzzNow}
		checkCaller(t, h.authenticate(header, endpoint{}, c), gotID == shopID && gotSecret == shopSecret, c)
		header.Set("Authorization", basicHeader(id, secret)[1])
		wantID, wantSecret := id, secret
		for i := range id { // the first colon parts the two
			if id[i] == ':' {
				wantID, wantSecret = id[:i], id[i+1:]+":"+secret
				break
			}
		}
		if gotID, gotSecret = basic(header); gotID != wantID || gotSecret != wantSecret {
			t.Errorf("%q and %q are %q and %q", id, secret, gotID, gotSecret)
		}
		if header.Add("Authorization", authorization); h.authenticate(header, endpoint{}, &call{now: fuzzNow}) == nil {
			t.Error("two headers let in")
		}
	})
}
