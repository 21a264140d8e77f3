package selfbuilt_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/channelstest"
	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
	"github.com/recall-ledger/recall-ledger/events"
)

func TestContract(t *testing.T) {
	row, ok := channels.Lookup(channels.Native, selfbuilt.Channel)
	if !ok {
		t.Fatal("the matrix has no selfbuilt row")
	}
	channelstest.Run(t, channelstest.Harness{
		Row: row,
		New: func(t *testing.T) channels.Emitter { return selfbuilt.Emitter{Conn: start(t).conn} },
		Refusing: func(t *testing.T) channels.Emitter {
			return otherChannel{selfbuilt.Emitter{Conn: start(t).conn}}
		},
	})
}

// otherChannel sends every command to the wrong adapter.
type otherChannel struct{ channels.Emitter }

func (o otherChannel) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	c.Channel = "fcm"
	return o.Emitter.Emit(ctx, c)
}

func TestBadDeviceIsRefusedAlone(t *testing.T) {
	r := start(t)
	sub, err := r.conn.SubscribeSync("device.>")
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", events.MaxDevice+1)
	c := command(channels.Remove, "p1", "r1", "d1", "", "a.b*>", long)
	reply, err := selfbuilt.Emitter{Conn: r.conn}.Emit(deadline(t), c)
	if err != nil {
		t.Fatal(err)
	}
	var got []channels.Verdict
	for _, x := range reply.Results {
		got = append(got, x.Verdict)
	}
	if expected := []channels.Verdict{channels.Accepted, channels.Refused, channels.Accepted, channels.Refused}; !slices.Equal(got, expected) {
		t.Errorf("verdicts %v, want %v", got, expected)
	}
	for _, subject := range []string{"device.shop.d1.instruction", "device.shop.a%2Eb%2A%3E.instruction"} {
		m, err := sub.NextMsgWithContext(deadline(t))
		if err != nil {
			t.Fatal(err)
		}
		if m.Subject != subject {
			t.Errorf("published on %s, want %s", m.Subject, subject)
		}
		if expected := `{"recall":"r1","push":"p1","slot":"slot-p1","method":"remove"}`; string(m.Data) != expected {
			t.Errorf("published %s, want %s", m.Data, expected)
		}
	}
	if n, _, err := sub.Pending(); err != nil || n != 0 {
		t.Errorf("%d more messages, %v", n, err)
	}
}

func TestEmitWithoutServerIsAnError(t *testing.T) {
	r := start(t)
	r.conn.Close()
	if _, err := (selfbuilt.Emitter{Conn: r.conn}).Emit(deadline(t), command(channels.Remove, "p1", "r1", "d1")); err == nil {
		t.Error("accepted without a connection")
	}
}

func TestBadCommandReachesNobody(t *testing.T) {
	r := start(t)
	for name, change := range map[string]func(*channels.Command){
		"app":    func(c *channels.Command) { c.App = "shop.d1.show" },
		"push":   func(c *channels.Command) { c.Push = "" },
		"recall": func(c *channels.Command) { c.Recall = "" },
		"text":   func(c *channels.Command) { c.Body = strings.Repeat("x", events.MaxBody+1) },
		"many":   func(c *channels.Command) { c.Devices = make([]string, events.MaxCommandDevices+1) },
	} {
		c := command(channels.Remove, "p1", "r1", "d1")
		change(&c)
		reply, err := selfbuilt.Emitter{Conn: r.conn}.Emit(deadline(t), c)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range reply.Results {
			if x.Verdict != channels.Refused {
				t.Fatalf("%s: verdict %q, want refused", name, x.Verdict)
			}
		}
	}
	if out := r.conn.Stats().OutMsgs; out != 0 {
		t.Errorf("%d messages were published", out)
	}
}

func TestSenderChecks(t *testing.T) {
	r := start(t)
	s := selfbuilt.Sender{Conn: r.conn}
	for field, err := range map[string]error{
		"app":        s.Show(deadline(t), "a.b", []string{"d1"}, notification("p1")),
		"push":       s.Show(deadline(t), "shop", []string{"d1"}, selfbuilt.Notification{}),
		"devices":    s.Show(deadline(t), "shop", nil, notification("p1")),
		"devices[1]": s.Show(deadline(t), "shop", []string{"d1", ""}, notification("p1")),
	} {
		var bad *events.FieldError
		if !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("%v, want an error of field %s", err, field)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Show(ctx, "shop", []string{"d1"}, notification("p1")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want cancelled", err)
	}
	if out := r.conn.Stats().OutMsgs; out != 0 {
		t.Errorf("%d messages were published", out)
	}
}
