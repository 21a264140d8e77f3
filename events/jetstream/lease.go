package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

// LeaseConfig configures Leases.
type LeaseConfig struct {
	Conn *nats.Conn
	// Node names this process, and no other process now or later: the name of
	// the node and something random.
	Node string
	// Info is shown beside Node to whoever asks who is there: an address.
	Info string
	// Replicas is 1 embedded, 3 in a cluster. Default 1.
	Replicas int
	// TTL is for how long a lease is held after its last renewal, 200
	// milliseconds to a minute. Nodes may differ: it is written into the lease.
	// Default 5 seconds.
	TTL time.Duration
	// Settle is how long the node that a lease belongs to must have been there,
	// and the lease have been held, before it is given to that node. Default 10
	// seconds.
	Settle time.Duration
	// Pace is the shortest time between two leases given away. Default one second.
	Pace   time.Duration
	Logger *slog.Logger
}

const (
	minTTL = 200 * time.Millisecond
	maxTTL = time.Minute
	// maxLeaseName bounds the name of a lease or a node, in bytes.
	maxLeaseName = 128
	// maxLeaseInfo bounds LeaseConfig.Info, in bytes.
	maxLeaseInfo = 1024
	// maxReplicas is the server's own limit.
	maxReplicas = 5
)

// ErrLease is a configuration or a name that is refused.
var ErrLease = errors.New("lease refused")

// ErrLeaseClaimed is a second Hold of a name in one process while the first runs.
var ErrLeaseClaimed = errors.New("this process already asks for the lease")

// Leases say which one of several nodes beside one log does a piece of work.
//
// A lease is one key of a key-value bucket. It is taken, renewed and given back
// by compare-and-set on the key's revision, so the stream orders all that
// happens to it. It is never taken from a node by the clock of a server: who
// wants it watches the key and may take it over once the revision has not moved
// for the holder's TTL by the watcher's own monotonic clock. The holder counts
// from the moment it sent the renewal, before the watcher could see it, and
// stops a tenth of the TTL early.
//
// So no two nodes hold a lease at once, whatever the network, the servers and
// the wall clocks do, if
//   - the bucket's stream is linearizable for compare-and-set, which R3 with
//     sync always is as long as no two servers lose what they acknowledged, and
//     nobody deletes the bucket or writes into it by hand;
//   - the monotonic clocks of the nodes run at the same rate within a tenth. The
//     clock of a machine that is suspended stands still, so a suspended machine
//     is outside of this; a stopped process (SIGSTOP) is not;
//   - Node is unique, and work stops when its context ends.
//
// After a crash another node takes over within the TTL, a third of it more when
// only the answers to the holder were lost, and less than a second for those
// that go first. A node that stops, and one that finds a lease belonging to a
// node that has settled, hands over as soon as its work has returned.
//
// What remains is an act that Held allowed and that ends only after the lease
// has moved, because the process was paused in the middle of it or the network
// is slow. No lock can prevent that, so the log does: a planner's commands are
// fenced by an expected sequence and a late append stores nothing; a command of
// a channel is given out by its queue, with a lease or without, and what a crash
// left half done is judged by its outcomes on the log. A lease there keeps the
// vendor's rate, beyond which at most the calls under way in that moment go.
type Leases struct {
	c      LeaseConfig
	bucket leaseStore
	log    *slog.Logger

	mu    sync.Mutex
	phase phase
	// synced is true once everything in the bucket was seen.
	synced bool
	// fresh is when the watch last proved to be alive.
	fresh time.Time
	// rewatch ends the watch under way, so that another begins.
	rewatch context.CancelFunc
	leases  map[string]entry
	members map[string]member
	// claims are the leases this process asks for, by name.
	claims map[string]*claim
	// active are the claims that may hold their lease.
	active sync.WaitGroup
	// wanted wakes the announcement of what this process asks for.
	wanted chan struct{}
	// gave is when a lease was last given away.
	gave time.Time
}

type phase int

const (
	phaseIdle phase = iota
	phaseRunning
	phaseStopping
)

// The causes for which the context of work ends, beside that of Hold.
var (
	errLeaseLost = errors.New("the lease is lost")
	errHandOver  = errors.New("the lease goes to another node")
	errStopped   = errors.New("the leases are given back")
)

// OpenLeases creates the bucket RECALL-LEASES, or checks the settings of the one
// there: a DifferenceError when they differ.
func OpenLeases(ctx context.Context, c LeaseConfig) (*Leases, error) {
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.TTL == 0 {
		c.TTL = 5 * time.Second
	}
	if c.Settle == 0 {
		c.Settle = 10 * time.Second
	}
	if c.Pace == 0 {
		c.Pace = time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	b, err := openLeaseStore(ctx, c.Conn, c.Replicas)
	if err != nil {
		return nil, err
	}
	return &Leases{
		c: c, bucket: b, log: c.Logger.With("node", c.Node),
		leases: map[string]entry{}, members: map[string]member{}, claims: map[string]*claim{},
		wanted: make(chan struct{}, 1),
	}, nil
}

func (c LeaseConfig) validate() error {
	if c.Conn == nil {
		return fmt.Errorf("%w: conn is missing", ErrLease)
	}
	if err := checkName("node", c.Node); err != nil {
		return err
	}
	if n := len(c.Info); n > maxLeaseInfo {
		return fmt.Errorf("%w: info has %d bytes, at most %d", ErrLease, n, maxLeaseInfo)
	}
	if c.Replicas < 1 || c.Replicas > maxReplicas {
		return fmt.Errorf("%w: replicas is %d, needed 1 to %d", ErrLease, c.Replicas, maxReplicas)
	}
	if c.TTL < minTTL || c.TTL > maxTTL {
		return fmt.Errorf("%w: ttl is %s, needed %s to %s", ErrLease, c.TTL, minTTL, maxTTL)
	}
	if c.Settle < 0 || c.Pace < 0 {
		return fmt.Errorf("%w: settle is %s and pace is %s, needed more than 0", ErrLease, c.Settle, c.Pace)
	}
	return nil
}

// plainName is what may stand in a key behind its prefix: no empty part between dots.
var plainName = regexp.MustCompile(`\A[A-Za-z0-9_=-]+(\.[A-Za-z0-9_=-]+)*\z`)

func checkName(field, name string) error {
	if n := len(name); n == 0 || n > maxLeaseName {
		return fmt.Errorf("%w: %s has %d bytes, needed 1 to %d", ErrLease, field, n, maxLeaseName)
	}
	if !plainName.MatchString(name) {
		return fmt.Errorf("%w: %s is %q, only letters, digits, - _ = and single dots between them are allowed", ErrLease, field, name)
	}
	return nil
}

// Hold runs work while this node holds the lease, and again whenever it gets it
// again. It works only while Run does. It returns nil when ctx ends, nil when
// work returns nil by itself, which means that the work is done, and work's own
// error. In each case work has returned and the lease is given back.
//
// The context of work ends when ctx or Run ends, when the lease goes to another
// node, and when the lease is lost or must be taken for lost. Except in the last
// case the lease is renewed until work has returned, so nobody else begins
// before. An error of work that is the end of its context is none.
func (l *Leases) Hold(ctx context.Context, name string, work func(context.Context) error) error {
	if err := checkName("name", name); err != nil {
		return err
	}
	c, err := l.claim(name)
	if err != nil {
		return err
	}
	defer l.unclaim(c)
	for {
		expect, ok := l.turn(ctx, c)
		if !ok {
			return nil
		}
		done, err := l.attempt(ctx, c, expect, work)
		l.active.Done()
		if done {
			return err
		}
	}
}

// Held reports whether the lease is certainly still this node's. It is asked
// right before an act that must not be doubled, and costs no request.
func (l *Leases) Held(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.claims[name]
	return c != nil && c.held && time.Now().Before(c.deadline)
}

// Lease is a lease that is held.
type Lease struct {
	Name string
	// Node holds it, by the node's own wall clock since Since.
	Node  string
	Since time.Time
}

// List returns the leases that are held, by name. It reads the bucket, and
// judges by the clock of the servers: it is for people and metrics, not for work.
func (l *Leases) List(ctx context.Context) ([]Lease, error) {
	var list []Lease
	err := l.bucket.live(ctx, leasePrefix, func(name string, v leaseValue) {
		list = append(list, Lease{Name: name, Node: v.Node, Since: v.Since})
	})
	return list, err
}

// Member is a node that is there.
type Member struct {
	Node  string
	Since time.Time
	Info  string
}

// Nodes returns the nodes that are there, by name, as List does.
func (l *Leases) Nodes(ctx context.Context) ([]Member, error) {
	var list []Member
	err := l.bucket.live(ctx, nodePrefix, func(name string, v leaseValue) {
		list = append(list, Member{Node: name, Since: v.Since, Info: v.Info})
	})
	return list, err
}

// Run renews what is held, takes what is asked for and free, shows that this
// node is there, and gives away what belongs elsewhere. When ctx ends it ends
// all work, waits for it, gives every lease back and returns nil; with servers
// that do not answer it stops trying when the leases have expired. A connection
// that is closed for good ends it the same way with nats.ErrConnectionClosed; one
// that is only lost makes it wait, and work whose lease could not be renewed
// ends in time.
func (l *Leases) Run(ctx context.Context) error {
	if !l.begin() {
		return fmt.Errorf("%w: it already runs", ErrLease)
	}
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	present, leave := context.WithCancel(background)
	closed := l.c.Conn.StatusChanged(nats.CLOSED)
	defer l.c.Conn.RemoveStatusListener(closed)
	since := time.Now()
	var parts, presence sync.WaitGroup
	parts.Go(func() { l.follow(background) })
	parts.Go(func() { l.balance(background) })
	presence.Go(func() { l.announce(present, since) })
	if !l.c.Conn.IsClosed() {
		select {
		case <-ctx.Done():
		case <-closed:
		}
	}
	l.stop()
	leave()
	presence.Wait()
	// The others must not wait for a node that takes nothing any more.
	l.bucket.withdraw(background, l.c.Node)
	l.active.Wait()
	end()
	parts.Wait()
	l.finish()
	if ctx.Err() == nil {
		return fmt.Errorf("leases: %w", nats.ErrConnectionClosed)
	}
	return nil
}

func (l *Leases) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.phase != phaseIdle {
		return false
	}
	l.phase = phaseRunning
	l.fresh = time.Now()
	return true
}

func (l *Leases) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.phase = phaseStopping
	for _, c := range l.claims {
		if c.end != nil {
			c.end(errStopped)
		}
	}
}

func (l *Leases) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.phase, l.synced = phaseIdle, false
	clear(l.leases)
	clear(l.members)
}

// The server's answers to a lost compare-and-set: the second while another
// proposal is under way.
const (
	raceLost    = 10071
	racePending = 10164
)

// lostRace tells a lost compare-and-set from every other failure.
func lostRace(err error) bool {
	var api *js.APIError
	if !errors.As(err, &api) {
		var wrapped js.JetStreamError
		if !errors.As(err, &wrapped) {
			return false
		}
		api = wrapped.APIError()
	}
	return api != nil && (api.ErrorCode == raceLost || api.ErrorCode == racePending)
}
