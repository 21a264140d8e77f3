package callback

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// TestOutcomes: every outcome of every action, on a channel whose devices report
// a removal and on one where nobody does.
func TestOutcomes(t *testing.T) {
	p := &ledger.Push{Created: &events.Created{Profile: facade.UMS}}
	for _, action := range []channels.Action{channels.Cancel, channels.Terminate, channels.Recall, channels.Override} {
		p.Recalls = append(p.Recalls, ledger.Recall{Requested: events.Requested{Recall: string(action), Action: string(action)}})
	}
	for _, tt := range []struct {
		kind    events.Kind
		channel string
		command events.Seq
		want    int
	}{
		{events.OutcomeAccepted, "jpush", 5, 7},
		{events.OutcomeConfirmed, "jpush", 5, 7},
		{events.OutcomeConfirmed, "jpush", 0, none},
		{events.OutcomeAccepted, "selfbuilt", 5, none},
		{events.OutcomeConfirmed, "selfbuilt", 0, 7},
		{events.OutcomeConfirmed, "selfbuilt", 5, 7},
		{events.OutcomeAccepted, "not in the matrix", 5, 7},
		{events.OutcomeRefused, "jpush", 5, 8},
		{events.OutcomeUnsupported, "selfbuilt", 5, 8},
		{events.OutcomeExpired, "jpush", 0, 8},
		{events.OutcomeSkipped, "jpush", 5, none},
		{events.OutcomeSkipped, "selfbuilt", 5, none},
	} {
		for _, action := range []channels.Action{channels.Terminate, channels.Recall, channels.Cancel, channels.Override, "unknown"} {
			want := tt.want
			if action != channels.Terminate && action != channels.Recall {
				want = none
			}
			o := &events.Outcome{Recall: string(action), Channel: tt.channel, Command: tt.command}
			if got := outcomeStatus(tt.kind, o, p); got != want {
				t.Errorf("%s of %s on %s, command %d: got %d, want %d", tt.kind, action, tt.channel, tt.command, got, want)
			}
		}
	}
}

func TestInvalidTargets(t *testing.T) {
	for reason, want := range map[string]int{
		"Unregistered": 1, "UNREGISTERED": 1, "BadDeviceToken": 1, "ExpiredToken": 1, "dead-token": 1, "dead-token:410": 1,
		"": 3, "TopicDisallowed": 3, "all-tokens-rejected": 3, "80300007": 3, "unregistered app": 3,
	} {
		if got := factStatus(events.PushFailed, reason); got != want {
			t.Errorf("%q: got %d, want %d", reason, got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		status int
		kind   events.Kind
		reason string
		want   *failure
	}{
		{2, events.PushSent, "", nil},
		{7, events.OutcomeAccepted, "already-recalled", nil},
		{3, events.PushFailed, "1011", &failure{1011, "1011"}},
		{3, events.PushFailed, "", &failure{5000, "failed"}},
		{5, events.DeliveryExpired, "ttl", &failure{5000, "ttl"}},
		{1, events.PushFailed, "Unregistered", &failure{4004, "Unregistered"}},
		{8, events.OutcomeRefused, "bad-request:80100003", &failure{80100003, "bad-request:80100003"}},
		{8, events.OutcomeRefused, "bad-request:99999999999", &failure{5000, "bad-request:99999999999"}},
		{8, events.OutcomeUnsupported, "", &failure{5000, "unsupported"}},
	} {
		if diff := cmp.Diff(tt.want, errorOf(tt.status, tt.kind, tt.reason)); diff != "" {
			t.Errorf("%d %q (-want +got):\n%s", tt.status, tt.reason, diff)
		}
	}
}

// TestReadAll: every kind of the log is read, with what is no fact passed over.
func TestReadAll(t *testing.T) {
	p := &ledger.Push{Created: &events.Created{Profile: facade.UMS, Audience: events.Audience{Kind: events.AudienceUser, Names: []string{"u"}}}}
	p.Recalls = []ledger.Recall{{Requested: events.Requested{Recall: "r", Action: "recall"}}}
	got := map[events.Kind]int{}
	for _, k := range events.Kinds() {
		data := map[events.Shape]events.Data{
			events.ShapeCreated: &events.Created{}, events.ShapeFact: &events.Fact{Channel: "apns", Devices: []string{"d"}},
			events.ShapeRequested: &events.Requested{}, events.ShapeRefused: &events.Refused{}, events.ShapeClosed: &events.Closed{},
			events.ShapeCommand: &events.Command{Devices: []string{"d"}}, events.ShapeKey: &events.Key{},
			events.ShapeOutcome: &events.Outcome{Recall: "r", Channel: "apns", Devices: []string{"d"}, Command: 1},
		}[k.Shape()]
		e := &events.Event{Header: events.Header{Kind: k, App: "shop", Push: "p", Time: time.Unix(1, 0)}, Data: data}
		if n := read(e, p); n != nil {
			got[k] = n.Type
			if i := n.at(0); i.SenderID != "d" || i.UserID != "u" || i.MsgID != "p" || i.SentTime != 1 {
				t.Errorf("%s became %+v", k, i)
			}
		}
	}
	want := map[events.Kind]int{
		events.PushSent: 2, events.PushFailed: 3, events.DeliveryDelivered: 4, events.DeliveryExpired: 5, events.ClickClicked: 6,
		events.OutcomeAccepted: 7, events.OutcomeConfirmed: 7, events.OutcomeRefused: 8, events.OutcomeUnsupported: 8, events.OutcomeExpired: 8,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

// TestChannelsHaveSenders: the phone makers of app_sender are channels of the
// matrix, so that none is misspelt.
func TestChannelsHaveSenders(t *testing.T) {
	makers := 0
	for _, r := range channels.Rows() {
		sender, app := senderOf(r.Channel)
		if (app != nil) != (sender == 1) {
			t.Errorf("%s has sender %d and app_sender %v", r.Channel, sender, app)
		}
		if r.Profile == channels.Native && app != nil && *app > 0 {
			makers++
		}
	}
	if makers != 9 {
		t.Errorf("%d channels have a phone maker, want 9", makers)
	}
}
