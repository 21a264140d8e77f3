package timpush

import (
	"compress/zlib"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// fuzzNow is when everything in the fuzz targets happens.
var fuzzNow = time.Date(2026, 11, 20, 9, 41, 0, 0, time.UTC)

const recordedSig = "eJwtjE0LgkAURf-L2xryRhoGB1rYRhfhR0lUO2VGfZkm4xRC9N8j9e7uOZf7gfxwct-agATPRdjMnZTuLVU040J11NNoTWGfZh2Mqi2GgRRItsUlbDGWOg2SCZ8zwZD7C9XTQObPOeceIq4vVIOE6y17OSWJOBCXJu2qNr8nTlg3x32QeOm5icuwfGQUTRPu4PsDQpc0wA__"

// Whatever a UserSig says fits the limits, and says the same when it is packed again.
func FuzzUserSig(f *testing.F) {
	good := claims{identifier: "administrator", id: shopID, at: 1795167663, expire: 3600}
	f.Add(recordedSig)
	f.Add(sign(good, shopKey))
	good.userbuf = "YWJj"
	f.Add(sign(good, shopKey))
	f.Add(pack(strings.Repeat(" ", 1<<20)+"{}", 9))
	f.Add("!!!")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := parseUserSig(s)
		if err != nil {
			if !errors.Is(err, errUserSig) {
				t.Errorf("failed with %v", err)
			}
			return
		}
		if len(s) > MaxUserSig {
			t.Errorf("%d bytes are a UserSig", len(s))
		}
		// Each byte that is not UTF-8 becomes three.
		if n := len(u.Identifier) + len(u.Sig) + len(u.UserBuf); n > 3*MaxInflated {
			t.Errorf("it holds %d bytes", n)
		}
		if err := events.CheckID("identifier", u.Identifier, maxIdentifier); err != nil {
			t.Error(err)
		}
		u.signedBy(shopKey)
		u.valid(fuzzNow, DefaultLife)
		b, err := json.Marshal(u)
		if err != nil {
			t.Fatal(err)
		}
		packed := pack(string(b), zlib.BestCompression)
		if len(b) > MaxInflated || len(packed) > MaxUserSig {
			return
		}
		if again, err := parseUserSig(packed); err != nil || again != u {
			t.Errorf("packed again %+v is %+v: %v", u, again, err)
		}
	})
}

// Nothing is accepted that inflates to more than the limit.
func FuzzUserSigInflation(f *testing.F) {
	const plain = `{"TLS.ver":"2.0","TLS.identifier":"administrator","TLS.sdkappid":1400000001,"TLS.expire":3600,"TLS.time":1795167663,"TLS.sig":"x"}`
	f.Add(plain, uint16(0))
	f.Add(plain, uint16(MaxInflated-len(plain)))
	f.Add(plain, uint16(MaxInflated-len(plain)+1))
	f.Add(plain, uint16(65535))
	f.Fuzz(func(t *testing.T, plain string, spaces uint16) {
		plain += strings.Repeat(" ", int(spaces))
		packed := pack(plain, zlib.BestSpeed)
		_, err := parseUserSig(packed)
		if err == nil && len(plain) > MaxInflated {
			t.Errorf("%d bytes were inflated", len(plain))
		}
		var u userSig
		if err != nil && len(plain) <= MaxInflated && len(packed) <= MaxUserSig && json.Unmarshal([]byte(plain), &u) == nil &&
			u.Version == "2.0" && u.Identifier == "administrator" && u.UserBuf == "" && u.Time == 0 && u.Expire == 0 {
			t.Errorf("%q is refused", plain)
		}
	})
}

// A recall that is accepted names a task, and its notice is a text.
func FuzzRevoke(f *testing.F) {
	f.Add([]byte(`{"TaskId":"660cc447_537ed82a_1","OfflinePushInfo":` + info + `}`))
	f.Add([]byte(`{"TaskId":"mine","OfflinePushInfo":{"PushFlag":null,"Desc":"d","Ext":null}}`))
	f.Add([]byte(`{"TaskId":"mine","OfflinePushInfo":{"PushFlag":2}}`))
	f.Add([]byte(`{"TaskId":"mine"} x`))
	f.Add([]byte(`{"TaskId":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, bad := parseRevoke(body)
		if (bad == codeOK) != (r != nil && r.TaskID != nil) {
			t.Fatalf("code %d with %+v", bad, r)
		}
		if _, ok := infos()[bad]; !ok {
			t.Errorf("code %d has no text", bad)
		}
		if r == nil || r.OfflinePushInfo == nil {
			return
		}
		if flag := r.OfflinePushInfo.PushFlag; flag != 0 && flag != 1 {
			t.Errorf("PushFlag %d was accepted", flag)
		}
		if err := events.CheckText("notice", r.OfflinePushInfo.notice(), events.MaxTitle); err != nil {
			t.Error(err)
		}
	})
}

// Only names can make what was read of a push one that no event can hold.
func FuzzPush(f *testing.F) {
	for _, rest := range []string{
		``, `,"Condition":{"TagsAnd":null,"TagsOr":null},"DataId":null,"MsgLifeTime":null,"OnlineOnlyFlag":null`,
		`,"Condition":{"TagsOr":["vip","上海"],"TagsAnd":["ios"]},"DataId":"d-1","OnlineOnlyFlag":1`,
		`,"Condition":{"AttrsAnd":{"sex":"f","city":"sh"}}`, `,"Condition":{"TagsOr":["a\u0001"]}`, `,"To_Account":["u1"]`, `,"MsgLifeTime":604801`,
	} {
		f.Add([]byte(`{` + needed + rest + `}`))
	}
	f.Add([]byte(`{"From_Account":"admin","MsgRandom":0,"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"hi"}}]}`))
	f.Add([]byte(`{"From_Account":"a","MsgRandom":4294967296,"OfflinePushInfo":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, bad := parsePush(body)
		if (bad == codeOK) != (r != nil && r.MsgRandom != nil) {
			t.Fatalf("code %d with %+v", bad, r)
		}
		if bad != codeOK {
			return
		}
		p, bad := r.created()
		if (bad == codeOK) != (p != nil) {
			t.Fatalf("code %d with %+v", bad, p)
		}
		if bad == codeOK {
			p.Audience, bad = r.audience()
		}
		if _, ok := infos()[bad]; !ok {
			t.Errorf("code %d has no text", bad)
		}
		if bad != codeOK {
			return
		}
		at := fuzzNow.Add(time.Duration(r.MsgLifeTime) * time.Second)
		p.ExpireAt = &at
		e := &events.Event{Header: events.Header{Kind: events.PushCreated, App: "shop", Push: "task", Time: fuzzNow}, Data: p}
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

// Every event of a callback is a fact that the log takes, or is counted as ignored.
func FuzzCallback(f *testing.F) {
	event := func(rest string) string {
		return `{"CallbackCommand":"Push.AllMemberPush","TaskId":"task","DataId":"","TaskTime":1557481127,"ErrInfo":"OK",` + rest + `}`
	}
	f.Add([]byte(eventList(
		event(`"EventType":1,"To_Account":"user2","PushPlatform":1,"PushStage":1,"ErrCode":0`),
		event(`"EventType":1,"To_Account":"user3","PushPlatform":1,"PushStage":1,"ErrCode":0`),
		event(`"EventType":1,"To_Account":"user2","PushPlatform":3,"PushStage":2,"ErrCode":-7,"EventTime":1557481128`),
	)))
	f.Add([]byte(eventList(`{"EventType":2,"TaskId":"task","To_Account":"u","PushStage":3}`, `{}`, `null`, `7`)))
	f.Add([]byte(eventList(strings.TrimSuffix(strings.Repeat(event(`"EventType":1,"To_Account":"`+strings.Repeat("\u2028", 42)+`","PushPlatform":1,"PushStage":1`)+",", MaxEvents), ","))))
	f.Fuzz(func(t *testing.T, body []byte) {
		var list struct{ Events []json.RawMessage }
		if !object(body) || json.Unmarshal(body, &list) != nil || len(list.Events) > MaxEvents {
			return
		}
		in := facade.NewGather("shop", fuzzNow)
		for _, raw := range list.Events {
			add(in, raw)
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
		if total != len(list.Events) {
			t.Errorf("%d of %d events are accounted for", total, len(list.Events))
		}
	})
}
