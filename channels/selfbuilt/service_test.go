package selfbuilt_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
)

// ask sends a request as a device and reads the answer.
func ask(t *testing.T, nc *nats.Conn, subject, body string) selfbuilt.Answer {
	t.Helper()
	var m *nats.Msg
	for {
		var err error
		if m, err = nc.RequestWithContext(deadline(t), subject, []byte(body)); err == nil {
			break
		}
		// The service may not have subscribed yet.
		if !errors.Is(err, nats.ErrNoResponders) {
			t.Fatal(err)
		}
	}
	var a selfbuilt.Answer
	if err := json.Unmarshal(m.Data, &a); err != nil {
		t.Fatalf("answer %q: %v", m.Data, err)
	}
	return a
}

func TestMalformedReportStoresNothing(t *testing.T) {
	r := start(t)
	r.serve(t)
	nc, _ := r.raw(t, "d1")
	good := `{"push":"p1","fact":"click.clicked","time":"2026-11-20T09:41:00Z"}`
	for field, body := range map[string]string{
		"reports":              `]`,
		"reports[0]":           `{"reports":[[]]}`,
		"reports[1].push":      `{"reports":[` + good + `,{"fact":"click.clicked"}]}`,
		"reports[2].push":      `{"reports":[` + good + `,` + good + `,{"push":7}]}`,
		"reports[0].fact":      `{"reports":[{"push":"p1","fact":"push.sent"}]}`,
		"reports[0].confirmed": `{"reports":[{"push":"p1","fact":"click.clicked","confirmed":"r1"}]}`,
		"reports[0].time":      `{"reports":[{"push":"p1","fact":"click.clicked","time":"yesterday"}]}`,
		"reports[1].time":      `{"reports":[` + good + `,{"push":"p1","fact":"click.clicked","time":"1970-01-01T00:00:00Z"}]}`,
	} {
		a := ask(t, nc, selfbuilt.Subject("shop", "d1", selfbuilt.LaneReport), body)
		if a.OK || a.Field != field || !strings.HasPrefix(a.Error, field+": ") {
			t.Errorf("%s: answer %+v, want an error of field %s", body, a, field)
		}
	}
	for name, body := range map[string]string{
		"empty": `{}`,
		"many":  `{"reports":[` + strings.Repeat(good+",", selfbuilt.MaxReports) + good + `]}`,
		"long":  `{"reports":[` + good + `]}` + strings.Repeat(" ", selfbuilt.MaxReportBytes),
	} {
		if a := ask(t, nc, selfbuilt.Subject("shop", "d1", selfbuilt.LaneReport), body); a.OK || a.Field != "reports" {
			t.Errorf("%s: answer %+v, want an error of field reports", name, a)
		}
	}
	if calls, _ := r.backend.counted(); calls != 0 {
		t.Errorf("the backend was called %d times", calls)
	}
	a := ask(t, nc, selfbuilt.Subject("shop", "d1", selfbuilt.LaneReport), `{"reports":[`+good+`,{"push":"p1","confirmed":"r1"}]}`)
	if !a.OK {
		t.Errorf("good reports: %+v", a)
	}
	want(t, "said", r.backend.said("d1"), []string{"click.clicked p1", "confirmed p1 r1"})
}

func TestReportIsAcknowledgedOnlyWhenStored(t *testing.T) {
	r := start(t)
	r.backend.failing = 1
	r.serve(t)
	nc, _ := r.raw(t, "d1")
	body := `{"reports":[{"push":"p1","fact":"click.clicked"}]}`
	subject := selfbuilt.Subject("shop", "d1", selfbuilt.LaneReport)
	a := ask(t, nc, subject, body)
	if a.OK || a.Field != "" || a.RetryAfterSeconds == 0 || strings.Contains(a.Error, "disk") {
		t.Errorf("answer %+v, want a repeatable error that tells nothing of the inside", a)
	}
	if a := ask(t, nc, subject, body); !a.OK {
		t.Errorf("answer %+v, want ok", a)
	}
	want(t, "said", r.backend.said("d1"), []string{"click.clicked p1"})
}

func TestDeviceIsKeptToItsOwnSubjects(t *testing.T) {
	r := start(t)
	r.serve(t)
	nc, failed := r.raw(t, "d1")
	denied := func(what string) {
		t.Helper()
		if err := nc.FlushTimeout(10 * time.Second); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-failed:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s: %v, want a permissions violation", what, err)
			}
		case <-deadline(t).Done():
			t.Errorf("%s was allowed", what)
		}
	}
	for _, subject := range []string{
		selfbuilt.Subject("shop", "d2", selfbuilt.LaneShow), selfbuilt.Subject("shop", "d2", selfbuilt.LaneInstruction),
		selfbuilt.InboxPrefix("shop", "d2") + ".>", selfbuilt.Subject("bank", "d1", selfbuilt.LaneShow),
		selfbuilt.Subject("shop", "d1", selfbuilt.LaneReport), "device.>", "device.shop.*.show", "_INBOX.>", ">",
	} {
		if _, err := nc.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		denied("subscribe " + subject)
	}
	for _, subject := range []string{
		selfbuilt.Subject("shop", "d2", selfbuilt.LaneReport), selfbuilt.Subject("shop", "d2", selfbuilt.LaneSync),
		selfbuilt.Subject("shop", "d1", selfbuilt.LaneShow), selfbuilt.Subject("bank", "d1", selfbuilt.LaneReport),
		"recall.fact.0.shop.click.p1", "$JS.API.STREAM.DELETE.LEDGER",
	} {
		if err := nc.Publish(subject, nil); err != nil {
			t.Fatal(err)
		}
		denied("publish " + subject)
	}
}

func TestAnswersGoToTheDevicesInboxOnly(t *testing.T) {
	r := start(t)
	r.serve(t)
	nc, _ := r.raw(t, "d1")
	// Once this is answered the service is there.
	ask(t, nc, selfbuilt.Subject("shop", "d1", selfbuilt.LaneSync), "")
	victim, err := r.conn.SubscribeSync(">")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.conn.FlushTimeout(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	// The server lets a device name any subject as the place for the answer.
	stolen := []string{
		selfbuilt.Subject("shop", "d2", selfbuilt.LaneInstruction), "recall.fact.0.shop.click.p1",
		selfbuilt.InboxPrefix("shop", "d2") + ".x", selfbuilt.InboxPrefix("shop", "d1") + "x.y",
	}
	for _, reply := range stolen {
		if err := nc.PublishRequest(selfbuilt.Subject("shop", "d1", selfbuilt.LaneSync), reply, nil); err != nil {
			t.Fatal(err)
		}
	}
	// Requests of one connection are taken in order, so this comes after them.
	if a := ask(t, nc, selfbuilt.Subject("shop", "d1", selfbuilt.LaneSync), ""); !a.OK || a.State == nil {
		t.Fatalf("answer %+v", a)
	}
	for {
		m, err := victim.NextMsgWithContext(deadline(t))
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(stolen, m.Subject) {
			t.Fatalf("an answer went to %s", m.Subject)
		}
		if strings.HasPrefix(m.Subject, selfbuilt.InboxPrefix("shop", "d1")+".") {
			return
		}
	}
}

func TestOverloadIsAnswered(t *testing.T) {
	r := start(t)
	r.backend.block = make(chan struct{})
	r.serve(t)
	nc, _ := r.raw(t, "d1")
	subject := selfbuilt.Subject("shop", "d1", selfbuilt.LaneReport)
	// The service is there when a report, which does not block, is answered.
	ask(t, nc, subject, `{}`)
	const extra = 10
	inbox := nc.NewRespInbox()
	answers, err := nc.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	send := selfbuilt.MaxInFlight + selfbuilt.MaxQueued + extra
	for range send {
		if err := nc.PublishRequest(selfbuilt.Subject("shop", "d1", selfbuilt.LaneSync), inbox, nil); err != nil {
			t.Fatal(err)
		}
	}
	busy := 0
	for i := range send {
		if i == extra {
			close(r.backend.block)
		}
		m, err := answers.NextMsgWithContext(deadline(t))
		if err != nil {
			t.Fatalf("answer %d of %d: %v", i, send, err)
		}
		var a selfbuilt.Answer
		if err := json.Unmarshal(m.Data, &a); err != nil {
			t.Fatal(err)
		}
		if !a.OK {
			busy++
			if a.RetryAfterSeconds == 0 || a.Field != "" {
				t.Errorf("answer %+v, want a time to come back", a)
			}
		} else if i < extra {
			t.Error("answered although the backend does not")
		}
	}
	if _, syncs := r.backend.counted(); busy < extra || syncs != send-busy {
		t.Errorf("%d turned away and %d synced of %d", busy, syncs, send)
	}
}

func TestServiceNeedsItsParts(t *testing.T) {
	if err := (&selfbuilt.Service{}).Run(t.Context()); err == nil {
		t.Error("a service without parts ran")
	}
	r := start(t)
	done := make(chan error, 1)
	s := &selfbuilt.Service{Conn: r.conn, Backend: r.backend}
	go func() { done <- s.Run(t.Context()) }()
	nc, _ := r.raw(t, "d1")
	ask(t, nc, selfbuilt.Subject("shop", "d1", selfbuilt.LaneSync), "")
	r.conn.Close()
	select {
	case err := <-done:
		if err == nil {
			t.Error("the service ended without an error although its connection was closed")
		}
	case <-deadline(t).Done():
		t.Error("the service goes on without a connection")
	}
}

func TestStateIsCutToSize(t *testing.T) {
	r := start(t)
	r.serve(t)
	var s selfbuilt.State
	for i := range 90 {
		s.Instructions = append(s.Instructions, selfbuilt.Instruction{
			Recall: "r1", Push: fmt.Sprint(i), Method: "overwrite", Body: strings.Repeat("<\"", 2048),
		})
	}
	s.Notifications = []selfbuilt.Notification{{Push: "p1"}}
	r.backend.set("d1", s)
	nc, _ := r.raw(t, "d1")
	a := ask(t, nc, selfbuilt.Subject("shop", "d1", selfbuilt.LaneSync), "")
	if !a.OK || !a.State.More || len(a.State.Notifications) != 0 {
		t.Fatalf("want a cut list of instructions and no notification")
	}
	if n := len(a.State.Instructions); n == 0 || n >= 90 || a.State.Instructions[n-1] != s.Instructions[n-1] {
		t.Errorf("%d instructions, want the first some of 90", n)
	}
}
