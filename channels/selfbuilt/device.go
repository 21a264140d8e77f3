package selfbuilt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/recall-ledger/recall-ledger/events"
)

const (
	// connectTimeout bounds one attempt to connect.
	connectTimeout = 5 * time.Second
	// reconnectMax and retryMax bound the pauses between attempts, which begin
	// at pauseMin and double.
	pauseMin     = 50 * time.Millisecond
	reconnectMax = 30 * time.Second
	retryMax     = 30 * time.Second
	// maxHeld is how many live notifications wait for a sync's answer.
	maxHeld = 100
)

// ErrClosed says that the device was closed before the report was acknowledged.
var ErrClosed = errors.New("the device is closed")

// DeviceConfig configures a device.
type DeviceConfig struct {
	// URL is where the server listens for devices, for example
	// wss://push.example.com.
	URL    string
	App    string
	Device string
	// Password is Credentials.Password(App, Device), from the app's own backend.
	Password string
	Clock    func() time.Time
	// OnChange is called after every change of what the methods return, from
	// the device's goroutines; it must not block. Optional.
	OnChange func()
	// Wait passes the pause before a repeated request; it returns early when
	// ctx ends. Optional.
	Wait func(ctx context.Context, d time.Duration) error
	// Logger is optional.
	Logger *slog.Logger
}

func (c *DeviceConfig) setDefaults() {
	if c.OnChange == nil {
		c.OnChange = func() {}
	}
	if c.Wait == nil {
		c.Wait = pause
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Validate reports what is missing or breaks a limit.
func (c *DeviceConfig) Validate() error {
	if c.URL == "" {
		return errors.New("device: URL is missing")
	}
	if c.Clock == nil {
		return errors.New("device: Clock is missing")
	}
	return firstOf(events.CheckApp("app", c.App), events.CheckID("device", c.Device, events.MaxDevice))
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Device is a client of the channel: what an app on a phone does. It keeps its
// memory only while it lives; what it must know after a start it asks for.
type Device struct {
	config DeviceConfig
	conn   *nats.Conn
	// life ends at Close; stopped is closed when the sending loop has ended.
	life    context.Context
	end     context.CancelFunc
	stopped chan struct{}
	// wake has room for one: the loop looks at everything when it wakes.
	wake chan struct{}

	mu     sync.Mutex
	screen *screen
	outbox *outbox
	// session ends at every reconnect, so that nothing waits for an answer
	// that was lost with the old connection.
	session    context.Context
	newSession context.CancelFunc
	// due asks for a sync; rest asks for one when the outbox is empty.
	due, rest bool
	// synced is the epoch for which the server's instructions are complete; -1
	// before any. Losses counts how often messages were dropped.
	synced int64
	losses int64
	held   []Notification
}

// Dial connects a device and begins to ask what it must know. Ctx bounds the
// dialling only; the device lives until Close and reconnects by itself. A wrong
// password is nats.ErrAuthorization, or a broken connection when the server
// hung up before the client had finished speaking.
func Dial(ctx context.Context, c DeviceConfig) (*Device, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.setDefaults()
	d := &Device{
		config: c, stopped: make(chan struct{}), wake: make(chan struct{}, 1),
		screen: newScreen(), outbox: newOutbox(), due: true, synced: -1,
	}
	d.life, d.end = context.WithCancel(context.WithoutCancel(ctx))
	d.session, d.newSession = context.WithCancel(d.life)
	// Until it is connected the device ends with ctx.
	detach := context.AfterFunc(ctx, d.end)
	err := d.connect()
	if !detach() {
		err = ctx.Err()
	}
	if err != nil {
		d.end()
		if d.conn != nil {
			d.conn.Close()
		}
		return nil, fmt.Errorf("connect a device: %w", err)
	}
	go d.run()
	d.poke()
	return d, nil
}

// dialer lets Close, and the end of Dial's context, interrupt a connection attempt.
type dialer struct{ life context.Context }

func (d dialer) Dial(network, address string) (net.Conn, error) {
	n := net.Dialer{Timeout: connectTimeout}
	c, err := n.DialContext(d.life, network, address)
	if err != nil {
		return nil, err
	}
	// The handshakes that follow know no context; they end with their socket.
	stop := context.AfterFunc(d.life, func() { _ = c.Close() })
	return &boundConn{c, stop}, nil
}

// boundConn is a connection that closes at the end of a device's life.
type boundConn struct {
	net.Conn
	stop func() bool
}

func (c *boundConn) Close() error {
	c.stop()
	return c.Conn.Close()
}

// connect opens the connection and subscribes.
func (d *Device) connect() error {
	c := d.config
	nc, err := nats.Connect(c.URL,
		nats.UserInfo(User(c.App, c.Device), c.Password),
		nats.CustomInboxPrefix(InboxPrefix(c.App, c.Device)),
		nats.SetCustomDialer(dialer{d.life}),
		nats.Timeout(connectTimeout),
		nats.MaxReconnects(-1),
		// What is asked while away is asked again; buffered, it would all
		// arrive at once with every other device's.
		nats.ReconnectBufSize(-1),
		// A server that comes back with a mistake in its configuration must
		// not lose its devices for ever.
		nats.IgnoreAuthErrorAbort(),
		nats.CustomReconnectDelay(func(attempts int) time.Duration { return spread(backoff(attempts, reconnectMax)) }),
		nats.ReconnectHandler(func(*nats.Conn) { d.reconnected() }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { d.asyncError(err) }),
	)
	if err != nil {
		return err
	}
	d.conn = nc
	if _, err := nc.Subscribe(Subject(c.App, c.Device, LaneInstruction), d.onInstruction); err != nil {
		return err
	}
	if _, err := nc.Subscribe(Subject(c.App, c.Device, LaneShow), d.onShow); err != nil {
		return err
	}
	return flush(d.life, nc)
}

// reconnected asks again: instructions may have been missed.
func (d *Device) reconnected() {
	d.mu.Lock()
	d.newSession()
	d.session, d.newSession = context.WithCancel(d.life)
	d.due = true
	d.mu.Unlock()
	d.poke()
}

// asyncError handles what the connection reports on the side.
func (d *Device) asyncError(err error) {
	d.config.Logger.LogAttrs(d.life, slog.LevelDebug, "device connection", slog.String("error", err.Error()))
	if !errors.Is(err, nats.ErrSlowConsumer) {
		return
	}
	// Messages were dropped, perhaps an instruction: show nothing more before
	// the server has said what stands.
	d.mu.Lock()
	d.losses++
	d.due = true
	d.mu.Unlock()
	d.poke()
}

func (d *Device) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Screen returns what is on the screen now, in the order it appeared.
func (d *Device) Screen() []Notification {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.screen.items)
}

// Seen returns every push that was ever on the screen, up to MaxKnown.
func (d *Device) Seen() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.screen.seen()
}

// Pending returns how many reports are not acknowledged, and whether the device
// still has to ask what it must know. (0, true) means that nothing is open.
func (d *Device) Pending() (reports int, synced bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.outbox.letters), !d.due && !d.rest && d.live()
}

// Click does what a user's tap does: the notification leaves the screen at
// once, and the click is reported until it is acknowledged. Click returns when
// it is; when ctx ends before, the report stays queued. ErrNotShown says that
// the push is not on the screen.
func (d *Device) Click(ctx context.Context, push string) error {
	return d.leave(ctx, push, events.ClickClicked)
}

// Clear does what a user's swipe does; see Click.
func (d *Device) Clear(ctx context.Context, push string) error {
	return d.leave(ctx, push, events.DisplayCleared)
}

func (d *Device) leave(ctx context.Context, push string, fact events.Kind) error {
	d.mu.Lock()
	reports, err := d.screen.end(push, fact, d.config.Clock())
	letters := make([]*letter, len(reports))
	for i, r := range reports {
		letters[i] = d.outbox.add(r)
	}
	d.mu.Unlock()
	if err != nil {
		return err
	}
	d.config.OnChange()
	d.poke()
	for _, l := range letters {
		select {
		case <-l.done:
			if l.err != nil {
				return l.err
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-d.life.Done():
			return ErrClosed
		}
	}
	return nil
}

// Close disconnects the device, as if it were switched off: what it was about
// to report is lost with its memory. It returns when the sending loop has ended.
func (d *Device) Close() {
	d.end()
	d.conn.Close()
	<-d.stopped
}
