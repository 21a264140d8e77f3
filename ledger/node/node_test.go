package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/projections"
)

// testConfig is a node on loopback with a folder of its own.
func testConfig(t *testing.T) Config {
	t.Helper()
	c := Default()
	c.Data = t.TempDir()
	c.HTTP.Listen = "127.0.0.1:0"
	return c
}

// start runs a node until the test ends or stop is called.
func start(t *testing.T, c Config) (n *Node, client *api.Client, stop func()) {
	t.Helper()
	n, err := Start(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() {
		if err := n.Run(ctx); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			run.Wait()
		})
	}
	t.Cleanup(stop)
	client, err = api.NewClient(api.ClientConfig{URL: "http://" + n.Address(), App: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	return n, client, stop
}

// publish stores events and returns the position of the last.
func publish(t *testing.T, c *api.Client, lines ...string) events.Positions {
	t.Helper()
	a, err := c.Publish(context.Background(), "application/x-ndjson", strings.NewReader(strings.Join(lines, "\n")))
	if err != nil || len(a.Refused) > 0 {
		t.Fatalf("Publish = %+v, %v", a, err)
	}
	return a.Position
}

func TestSecondNodeIsRefused(t *testing.T) {
	c := testConfig(t)
	_, _, stop := start(t, c)
	_, err := Start(context.Background(), c)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("process %d works on ", os.Getpid())) {
		t.Fatalf("a second node on the folder: got %v, want ErrLocked naming the process", err)
	}
	stop()
	_, _, stop = start(t, c)
	stop()
}

// TestStartToldToStop: a start that is told to stop gives everything back.
func TestStartToldToStop(t *testing.T) {
	c := testConfig(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Start(ctx, c); !errors.Is(err, context.Canceled) {
		t.Fatalf("Start = %v, want context.Canceled", err)
	}
	_, _, stop := start(t, c)
	stop()
}

func TestOtherStreamSettingsAreRefused(t *testing.T) {
	c := testConfig(t)
	_, _, stop := start(t, c)
	stop()
	c.Log.MaxAge += time.Hour
	_, err := Start(context.Background(), c)
	var d *jetstream.DifferenceError
	if !errors.As(err, &d) || !strings.Contains(err.Error(), "max age is 720h0m0s, needed 721h0m0s") {
		t.Fatalf("a node with another max age: got %v, want the difference", err)
	}
}

func TestRestartKeepsEverything(t *testing.T) {
	c := testConfig(t)
	_, client, stop := start(t, c)
	pos := publish(t, client,
		`{"kind":"push.created","push":"p1","data":{"title":"Sale","audience":{"kind":"all"}}}`,
		`{"kind":"display.shown","push":"p1","data":{"channel":"vivo","devices":["a","b"]}}`)
	before, err := client.Push(context.Background(), "p1", api.ReadOptions{AtLeast: pos})
	if err != nil {
		t.Fatal(err)
	}
	stop()
	_, client, _ = start(t, c)
	after, err := client.Push(context.Background(), "p1", api.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(*before.Created, before.Channels, before.Last) != fmt.Sprint(*after.Created, after.Channels, after.Last) {
		t.Errorf("after a restart the push is %+v, was %+v", after, before)
	}
}

func TestExternalServer(t *testing.T) {
	o := &server.Options{
		Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), SyncAlways: true,
		JetStreamMaxStore: 128 << 30, JetStreamMaxMemory: 1 << 20, MaxPayload: 2 << 20, Username: "recall", Password: "secret",
		HTTPHost: "127.0.0.1", HTTPPort: -1,
	}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer func() { s.Shutdown(); s.WaitForShutdown() }()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server is not ready")
	}
	c := testConfig(t)
	c.NATS.URL, c.NATS.User, c.NATS.Password = s.ClientURL(), "recall", "wrong"
	if _, err := Start(context.Background(), c); err == nil || !strings.Contains(err.Error(), "credentials") {
		t.Errorf("a wrong password: got %v, want a hint at the credentials", err)
	}
	c.NATS.Password = "secret"
	// Whether it syncs always is not known without asking the server itself (L1).
	if _, err := Start(context.Background(), c); err == nil || !strings.Contains(err.Error(), "nats.monitors") {
		t.Errorf("a server nobody may ask: got %v, want a hint at nats.monitors", err)
	}
	c.NATS.Monitors = "http://" + s.MonitorAddr().String()
	_, client, stop := start(t, c)
	publish(t, client,
		`{"kind":"push.created","push":"p1","data":{"audience":{"kind":"all"}}}`,
		`{"kind":"display.shown","push":"p1","data":{"channel":"sms","devices":["a","b"]}}`)
	a, err := client.Recall(context.Background(), api.RecallRequest{Push: "p1", Action: channels.Recall}, "")
	if err != nil {
		t.Fatal(err)
	}
	r := watch(t, client, a.Recall)
	if r.Total.Planned != 2 || r.Total.Unsupported != 2 {
		t.Errorf("the recall over an external server has the account %+v, want 2 unsupported", r.Total)
	}
	stop()
}

func watch(t *testing.T, c *api.Client, recall string) projections.Recall {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var last projections.Recall
	if err := c.Watch(ctx, recall, "settled", func(r projections.Recall) error {
		last = r
		return nil
	}); err != nil {
		t.Fatalf("watch: %v (%+v)", err, last)
	}
	return last
}

func TestReady(t *testing.T) {
	n, _, _ := start(t, testConfig(t))
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/metrics": 200, "/openapi.json": 200, "/v1/nothing": 404} {
		resp, err := http.Get("http://" + n.Address() + path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != want {
			t.Errorf("GET %s = %d %v, want %d: %.200s", path, resp.StatusCode, err, want, b)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*Config)
		want string // "" is valid
	}{
		{"default", func(*Config) {}, ""},
		{"no folder", func(c *Config) { c.Data = "" }, "data: is empty"},
		{"elsewhere without anything", func(c *Config) { c.HTTP.Listen = "0.0.0.0:80" }, "needs credentials"},
		{"elsewhere without TLS", func(c *Config) {
			c.HTTP.Listen = "10.0.0.1:80"
			c.Keys = []KeyConfig{validKey()}
		}, "needs TLS"},
		{"elsewhere behind a proxy", func(c *Config) { c.HTTP.Listen, c.HTTP.BehindProxy = ":8080", true }, ""},
		{"every address", func(c *Config) { c.HTTP.Listen = ":8080" }, "can be reached from elsewhere"},
		{"half of TLS", func(c *Config) { c.HTTP.TLSCert = "cert.pem" }, "set both or none"},
		{"no port", func(c *Config) { c.HTTP.Listen = "localhost" }, "is not host:port"},
		{"devices elsewhere", func(c *Config) { c.Devices.Listen = "0.0.0.0:9000" }, "devices.listen"},
		{"window longer than the log", func(c *Config) { c.Recall.Window = 40 * 24 * time.Hour }, "log.max_age"},
		{"no window", func(c *Config) { c.Recall.Window = 0 }, "recall.window"},
		{"replicas without a cluster", func(c *Config) { c.NATS.Replicas = 3 }, "nats.replicas"},
		{"even replicas", func(c *Config) { c.NATS.Replicas, c.NATS.URL = 2, "nats://x" }, "nats.replicas"},
		{"partitions", func(c *Config) { c.Node.Partitions, c.NATS.URL = "0,2-3,63", "nats://x" }, ""},
		{"partitions of a node that is alone", func(c *Config) { c.Node.Partitions = "0" }, `node.partitions: is "0", but the embedded server`},
		{"partitions that are none", func(c *Config) { c.Node.Partitions, c.NATS.URL = "0,x", "nats://x" }, `node.partitions: "0,x" is neither`},
		{"partitions backwards", func(c *Config) { c.Node.Partitions, c.NATS.URL = "3-1", "nats://x" }, `node.partitions: "3-1" is neither`},
		{"partitions without one", func(c *Config) { c.Node.Partitions, c.NATS.URL = "1,", "nats://x" }, `node.partitions: "1," is neither`},
		{"too many partitions", func(c *Config) { c.Node.Partitions, c.NATS.URL = "0-64", "nats://x" }, "names partition 64; there are at most 64"},
		{"tiny log", func(c *Config) { c.Log.MaxBytes = 1 }, "log.max_bytes"},
		{"facade without a secret", func(c *Config) { c.Facades = []FacadeConfig{{Facade: "ums", ID: "k", App: "shop"}} }, "facades[0].secret: is missing"},
		{"bad key", func(c *Config) { c.Keys = []KeyConfig{{ID: "k"}} }, "keys[0]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Default()
			tt.do(&c)
			err := c.Validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Validate = %v, want %q", err, tt.want)
			}
		})
	}
}

func validKey() KeyConfig {
	k, _ := api.NewKey("shop", []string{api.RoleAdmin})
	return KeyConfig{ID: k.ID, Hash: k.Hash, App: k.App, Roles: k.Roles}
}

// TestDevices plays the self-built channel for real: WebSocket connections to
// the node's own server, one device offline while its push is recalled.
func TestDevices(t *testing.T) {
	c := testConfig(t)
	c.Devices.Listen = "127.0.0.1:0"
	n, client, _ := start(t, c)
	publish(t, client,
		`{"kind":"push.created","push":"p1","data":{"title":"90 % off","slot":"s1","audience":{"kind":"list"}}}`,
		`{"kind":"push.sent","push":"p1","data":{"channel":"selfbuilt","devices":["here","clicks","away","never"]}}`)
	here, clicks, away := dial(t, n, client, "here"), dial(t, n, client, "clicks"), dial(t, n, client, "away")
	for _, d := range []*device{here, clicks, away} {
		d.wait("the push is shown and reported", func() bool {
			open, synced := d.Pending()
			return len(d.Screen()) == 1 && synced && open == 0
		})
	}
	away.Close()
	if err := clicks.Click(context.Background(), "p1"); err != nil {
		t.Fatal(err)
	}
	clicks.wait("the click is reported", func() bool { open, _ := clicks.Pending(); return open == 0 })
	a, err := client.Recall(context.Background(), api.RecallRequest{Push: "p1", Action: channels.Recall}, "")
	if err != nil {
		t.Fatal(err)
	}
	here.wait("the push is gone", func() bool { return len(here.Screen()) == 0 })
	back, never := dial(t, n, client, "away"), dial(t, n, client, "never")
	for _, d := range []*device{here, back, never} {
		d.wait("everything is reported", func() bool { open, synced := d.Pending(); return synced && open == 0 })
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, name := range []string{"here", "away", "never"} {
		confirmed := func(list []projections.Notification) bool {
			return len(list) == 1 && len(list[0].Recalls) == 1 && list[0].Recalls[0].Outcome == "confirmed" && list[0].Recalls[0].Recall == a.Recall
		}
		for {
			list, err := client.Device(ctx, name, selfbuilt.Channel, true)
			if err != nil {
				t.Fatalf("device %s never confirmed: %v (%+v)", name, err, list)
			}
			if confirmed(list) {
				break
			}
		}
	}
	if got := watch(t, client, a.Recall).Total; got.Planned != 3 || got.Confirmed != 3 {
		t.Errorf("the account is %+v, want 3 planned and confirmed", got)
	}
	if slices.Contains(never.Seen(), "p1") {
		t.Error("a device that came after the recall showed the push")
	}
	if slices.Contains(back.Seen(), "p1") {
		t.Error("a device that returned after the recall showed the push again")
	}
}

// device is a real device with a way to wait for what it shows.
type device struct {
	*selfbuilt.Device
	t       *testing.T
	changed chan struct{}
}

func dial(t *testing.T, n *Node, client *api.Client, name string) *device {
	t.Helper()
	credential, err := client.DeviceCredential(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	if credential.URL != n.DeviceURL() {
		t.Errorf("devices are told to connect to %q, the node listens on %q", credential.URL, n.DeviceURL())
	}
	d := &device{t: t, changed: make(chan struct{}, 1)}
	d.Device, err = selfbuilt.Dial(context.Background(), selfbuilt.DeviceConfig{
		URL: credential.URL, App: "shop", Device: name, Password: credential.Password, Clock: time.Now,
		OnChange: func() {
			select {
			case d.changed <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func (d *device) wait(what string, done func() bool) {
	d.t.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	// Reports end without a change on the screen, so a look now and then is
	// needed beside the signal.
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !done() {
		select {
		case <-d.changed:
		case <-look.C:
		case <-limit.C:
			open, synced := d.Pending()
			d.t.Fatalf("waiting that %s: screen %v, %d reports open, synced %v", what, d.Screen(), open, synced)
		}
	}
}
