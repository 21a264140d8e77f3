package ums

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// fuzzNow is when everything in the fuzz targets happens.
var fuzzNow = time.Date(2026, 11, 20, 9, 41, 0, 0, time.UTC)

// A msgid that is accepted is one that the ledger takes, and every id survives its escape.
func FuzzRetractPath(f *testing.F) {
	for _, path := range []string{
		theRetraction, "/v1/retract/", "/v1/retract/a%00b", "/v1/retract/mine/more", "/v1/retract/x/../mine",
		"/v1/retract/a%2Fb", "/v1/retract/%zz", "/v1/sent", "/callbacks/ums",
	} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if op, ok := find(path); ok && op.name == "retract" {
			id, ok := retracted(path)
			if err := events.CheckID("msgid", id, events.MaxPush); ok && err != nil {
				t.Error(err)
			}
		}
		// The text as an id.
		escaped := retractPrefix + url.PathEscape(path)
		op, found := find(escaped)
		id, ok := retracted(escaped)
		if !found || op.name != "retract" || id != path {
			t.Errorf("%q is %q of %s", escaped, id, op.name)
		}
		if want := events.CheckID("msgid", path, events.MaxPush) == nil; ok != want {
			t.Errorf("%q: accepted %t, want %t", path, ok, want)
		}
	})
}

// Only names can make what was read of a request one that no event can hold.
func FuzzSend(f *testing.F) {
	for _, body := range []string{
		`{"aud_userid":["u1"],"aud_tag":[],"msg_app":[{"platform":"all","notification":{"alert":"wrong price","android":{"title":"Sale"},"ios":{"alert":{"title":"iSale","body":"iBody"}}}}],"rule_id":7,"option":{"sendno":"test","owner":"team"},"callback":{"url":"http://x","params":{}}}`,
		`{"aud_userid":["u1","u2"],"msg_sms":[{"x":1}],"msg_app":[{"message":{"title":"T","msg_content":"C"}}]}`,
		`{"aud_tag":["vip","上海"],"msg_email":[{"subject":"s"}],"option":{"sendno":12}}`,
		`{"aud_segment":[1],"msg_app":[{"notification":{"alert":"a\u0000b"},"options":{"time_to_live":60}}]}`,
		`{"msg_app":["not readable"],"aud_userid":null}`,
		`{"aud_userid":["u1"],"template_id":31,"template_para":{"a":"b"},"app_para":{"platform":"all","time_to_live":-1}}`,
		`{"template_id":"t-1","app_para":{"platform":["ios"]}}`,
		`null`,
	} {
		f.Add([]byte(body), false, false)
		f.Add([]byte(body), true, true)
	}
	f.Fuzz(func(t *testing.T, body []byte, all, template bool) {
		var s send
		if json.Unmarshal(body, &s) != nil || s == nil {
			return
		}
		p := &events.Created{Profile: facade.UMS}
		bad := s.audience(p, all)
		if bad == nil && template {
			bad = s.template(p)
		} else if bad == nil {
			bad = s.content(p)
		}
		if bad != nil {
			if _, ok := meanings()[bad.Code]; !ok || bad.Code == codeSuccess {
				t.Errorf("refused with code %d", bad.Code)
			}
			return
		}
		if all != (p.Audience.Kind == events.AudienceAll) {
			t.Errorf("broadcast %t goes to %s", all, p.Audience.Kind)
		}
		sendno := s.options(p)
		if err := events.CheckText("sendno", sendno, events.MaxLabel); err != nil {
			t.Error(err)
		}
		seconds := s.lifetime()
		if seconds < 0 || seconds > maxLifetime {
			t.Errorf("tried for %d seconds", seconds)
		}
		at := fuzzNow.Add(time.Duration(seconds) * time.Second)
		p.ExpireAt = &at
		e := &events.Event{Header: events.Header{Kind: events.PushCreated, App: "shop", Push: theMsgID, Time: fuzzNow}, Data: p}
		var field *events.FieldError
		switch err := events.Check(e); {
		case err == nil:
			if _, err := events.Encode(e); err != nil {
				t.Error(err)
			}
		case !errors.As(err, &field) || !strings.HasPrefix(field.Field, "data.audience.names"):
			t.Errorf("%+v: %v", p, err)
		}
	})
}

// Every item of a callback is a fact that the log takes, or is counted as ignored.
func FuzzCallback(f *testing.F) {
	item := func(typ int, rest string) string {
		return fmt.Sprintf(`{"type":%d,"channelkey":"shopkey","msgid":%q,"app_platform":1,"sent_time":1603707455,"params":{"a":1},%s}`, typ, theMsgID, rest)
	}
	array := func(list ...string) []byte { return []byte("[" + strings.Join(list, ",") + "]") }
	f.Add(array(
		item(0, `"userid":"u1","sender":0`),
		item(2, `"userid":"u1","sender_id":"reg1","sender":1,"app_sender":0`),
		item(2, `"userid":"","sender_id":"reg2","sender":1,"app_sender":0`),
		item(3, `"userid":"u3","sender":5,"error":{"code":1011,"message":"no such number"}`),
		item(5, `"userid":"u4","sender":5,"error":{"code":"x","message":"off"}`),
		item(7, `"userid":"u1","sender_id":"reg1","sender":1,"app_sender":0`),
	))
	f.Add(array(`{}`, `null`, `7`, `{"type":2,"channelkey":"bankkey"}`))
	// Written as events write them, these ids take twice their bytes.
	long := fmt.Sprintf(`{"type":2,"msgid":"m","sender_id":%q,"userid":%q,"sender":1}`, "ids", "idu")
	long = strings.NewReplacer("ids", strings.Repeat("\u2028", 170), "idu", strings.Repeat("\u2028", 42)).Replace(long)
	list := make([]string, MaxItems)
	for i := range list {
		list[i] = long
	}
	f.Add(array(list...))
	f.Fuzz(func(t *testing.T, body []byte) {
		var raw []json.RawMessage
		if json.Unmarshal(body, &raw) != nil || len(raw) > MaxItems || len(body) > MaxSendBody {
			return
		}
		in := facade.NewGather("shop", fuzzNow)
		for _, r := range raw {
			add(in, keys()[0], r)
		}
		total := 0
		for _, n := range in.Ignored() {
			total += n
		}
		for _, e := range in.Events() {
			if err := events.Check(e); err != nil {
				t.Error(err)
			}
			b, err := events.Encode(e)
			if err != nil {
				t.Error(err)
			} else if again, err := events.Decode(b); err != nil || again.Push != e.Push {
				t.Errorf("%s: %v", b, err)
			}
			if e.Time.After(fuzzNow) {
				t.Errorf("%s happened at %s", e.Push, e.Time)
			}
			total += len(e.Data.(*events.Fact).Devices)
		}
		if total != len(raw) {
			t.Errorf("%d of %d items are accounted for", total, len(raw))
		}
	})
}
