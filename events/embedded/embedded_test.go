package embedded_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/recall-ledger/recall-ledger/events/embedded"
)

// failSafe ends a test that hangs; no test waits for it.
const failSafe = 2 * time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, c embedded.Config) *embedded.Server {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	s, err := embedded.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func connect(t *testing.T, s *embedded.Server) *nats.Conn {
	t.Helper()
	nc, err := s.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// devices is a listener with two known devices.
func devices() *embedded.DeviceListener {
	return &embedded.DeviceListener{
		Address: "127.0.0.1:0",
		Authenticate: func(user, password string) (embedded.Grant, bool) {
			switch {
			case user == "shop.device-a" && password == "secret-a":
				return embedded.Grant{
					Publish:   []string{"dev.shop.device-a.up.>"},
					Subscribe: []string{"dev.shop.device-a.down.>", "_INBOX_device-a.>"},
				}, true
			case user == "shop.device-b" && password == "secret-b":
				return embedded.Grant{}, true
			}
			return embedded.Grant{}, false
		},
	}
}

// device connects over WebSocket and reports what the server refuses it.
func device(t *testing.T, s *embedded.Server, user, password string) (*nats.Conn, <-chan error, error) {
	refused := make(chan error, 10)
	nc, err := nats.Connect("ws://"+s.DeviceAddress(), nats.UserInfo(user, password), nats.NoReconnect(), nats.Timeout(failSafe),
		nats.CustomInboxPrefix("_INBOX_device-a"),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	if err == nil {
		t.Cleanup(nc.Close)
	}
	return nc, refused, err
}

func TestDeviceIsRefused(t *testing.T) {
	s := start(t, embedded.Config{Devices: devices()})
	for _, test := range []struct{ name, user, password string }{
		{"wrong password", "shop.device-a", "secret-b"},
		{"no password", "shop.device-a", ""},
		{"unknown user", "shop.device-z", "secret-a"},
		{"nobody", "", ""},
		{"the process's own user", "recall-internal", "secret-a"},
		{"the process's own user without password", "recall-internal", ""},
	} {
		// The server hangs up; whether its reason arrives first is a race.
		if _, _, err := device(t, s, test.user, test.password); err == nil {
			t.Errorf("%s: the device was let in", test.name)
		}
	}
	if _, _, err := device(t, s, "shop.device-a", "secret-a"); err != nil {
		t.Errorf("a known device: %v", err)
	}
}

func TestDeviceKeepsToItsSubjects(t *testing.T) {
	s := start(t, embedded.Config{Devices: devices()})
	inside := connect(t, s)
	heard, err := inside.SubscribeSync(">")
	if err != nil {
		t.Fatal(err)
	}
	if err := inside.Flush(); err != nil {
		t.Fatal(err)
	}
	a, refused, err := device(t, s, "shop.device-a", "secret-a")
	if err != nil {
		t.Fatal(err)
	}
	down, err := a.SubscribeSync("dev.shop.device-a.down.recall")
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{
		"dev.shop.device-b.up.facts", "dev.shop.device-a.down.recall", "recall.fact.0.shop.click.p",
		"recall.decision.0.shop.recall.p", "$JS.API.STREAM.DELETE.LEDGER", "$JS.API.INFO",
	} {
		if err := a.Publish(subject, []byte("x")); err != nil {
			t.Fatal(err)
		}
		violation(t, refused, subject)
	}
	for _, subject := range []string{">", "dev.>", "dev.shop.device-b.down.>", "_INBOX.>", "recall.>", "$SYS.>"} {
		if _, err := a.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		if err := a.Flush(); err != nil {
			t.Fatal(err)
		}
		violation(t, refused, subject)
	}
	// Its own subjects work, in both directions, and nothing else came through.
	if err := a.Publish("dev.shop.device-a.up.facts", []byte("shown")); err != nil {
		t.Fatal(err)
	}
	m, err := heard.NextMsg(10 * time.Second)
	if err != nil || m.Subject != "dev.shop.device-a.up.facts" || string(m.Data) != "shown" {
		t.Errorf("heard %v, %v, want the device's own message first", m, err)
	}
	if err := inside.Publish("dev.shop.device-a.down.recall", []byte("take it back")); err != nil {
		t.Fatal(err)
	}
	if m, err := down.NextMsg(failSafe); err != nil || string(m.Data) != "take it back" {
		t.Errorf("the device heard %v, %v, want its instruction", m, err)
	}
}

// violation waits until the server refuses a subject.
func violation(t *testing.T, refused <-chan error, subject string) {
	t.Helper()
	select {
	case err := <-refused:
		if !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), `"`+subject+`"`) {
			t.Errorf("%s: the server said %v, want a permissions violation", subject, err)
		}
	case <-time.After(failSafe):
		t.Errorf("%s was not refused", subject)
	}
}

// TestEmptyGrant: a device that was granted nothing may do nothing (L9).
func TestEmptyGrant(t *testing.T) {
	s := start(t, embedded.Config{Devices: devices()})
	b, refused, err := device(t, s, "shop.device-b", "secret-b")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Publish("recall.fact.0.shop.click.p", []byte("x")); err != nil {
		t.Fatal(err)
	}
	violation(t, refused, "recall.fact.0.shop.click.p")
	if _, err := b.SubscribeSync("dev.shop.device-a.down.>"); err != nil {
		t.Fatal(err)
	}
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	violation(t, refused, "dev.shop.device-a.down.>")
}

func TestBadConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	at := func(address string) *embedded.DeviceListener {
		d := devices()
		d.Address = address
		return d
	}
	for _, test := range []struct {
		name   string
		config embedded.Config
		want   string
	}{
		{"the folder is a file", embedded.Config{Dir: file}, file},
		{"the folder is below a file", embedded.Config{Dir: filepath.Join(file, "sub")}, "not a directory"},
		{"no port", embedded.Config{Dir: t.TempDir(), Devices: at("localhost")}, `device listener "localhost"`},
		{"bad port", embedded.Config{Dir: t.TempDir(), Devices: at("localhost:http!")}, "port"},
		{"port taken", embedded.Config{Dir: t.TempDir(), Devices: at(taken.Addr().String())}, "address already in use"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := embedded.Start(test.config)
			if err == nil {
				s.Stop()
				t.Fatal("Start succeeded")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("Start = %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	d := devices()
	d.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	s := start(t, embedded.Config{Devices: d})
	if _, _, err := device(t, s, "shop.device-a", "secret-a"); err == nil {
		t.Error("a connection without TLS passed a listener with TLS")
	}
}

// TestHealth: messages missing inside a stream are damage that the server
// itself keeps quiet about (L12).
func TestHealth(t *testing.T) {
	s := start(t, embedded.Config{})
	nc := connect(t, s)
	if err := s.Health(); err != nil {
		t.Fatalf("Health of a new server = %v", err)
	}
	a, err := js.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), failSafe)
	defer cancel()
	stream, err := a.CreateStream(ctx, js.StreamConfig{Name: "DAMAGED", Subjects: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := a.Publish(ctx, "x", nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Health(); err != nil {
		t.Errorf("Health with a whole stream = %v", err)
	}
	if err := s.Watch(expired(t), time.Hour); err != nil {
		t.Errorf("Watch that is told to end = %v, want nil", err)
	}
	if err := stream.DeleteMsg(ctx, 2); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{"Health": s.Health(), "Watch": s.Watch(ctx, time.Millisecond)} {
		if err == nil || !strings.Contains(err.Error(), "stream DAMAGED lacks 1 messages inside") {
			t.Errorf("%s = %v, want the damage named", name, err)
		}
	}
}

func expired(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
