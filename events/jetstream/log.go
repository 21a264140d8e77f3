package jetstream

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/recall-ledger/recall-ledger/events"
)

// Config configures a Log.
type Config struct {
	Conn      *nats.Conn
	Partition int
	Settings  Settings
	// Timeout bounds one call. Default 10 seconds, which is longer than the
	// election of a leader.
	Timeout time.Duration
	// MustExist refuses to make the stream: the caller knows that there was one. A
	// server that lost a stream says only that it does not exist.
	MustExist bool
	// Observe is told how long every append took that was stored, or of which
	// nothing was heard (Watch.Observe); nil for nobody.
	Observe func(partition int, took time.Duration)
	// OpenTimeout bounds Open, which waits for a cluster that is just forming.
	// Default 30 seconds.
	OpenTimeout time.Duration
}

// Log is the log of one partition on a JetStream stream. It implements
// events.Log and events.Queue. While a cluster elects a leader its methods wait,
// for at most Config.Timeout.
type Log struct {
	c      Config
	conn   *nats.Conn
	api    js.JetStream
	stream js.Stream
	name   string
}

func (c *Config) setDefaults() {
	c.Timeout = cmp.Or(c.Timeout, 10*time.Second)
	c.OpenTimeout = cmp.Or(c.OpenTimeout, 30*time.Second)
	c.Settings.Replicas = cmp.Or(c.Settings.Replicas, 1)
	c.Settings.MaxAge = cmp.Or(c.Settings.MaxAge, 30*24*time.Hour)
}

// Open creates the partition's stream, or checks the settings of the one there.
func Open(ctx context.Context, c Config) (*Log, error) {
	c.setDefaults()
	api, err := js.New(c.Conn, js.WithDefaultTimeout(c.Timeout))
	if err != nil {
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	want := streamConfig(c.Partition, c.Settings)
	if err := checkPayload(c.Conn.MaxPayload(), int64(want.MaxMsgSize)); err != nil {
		return nil, err
	}
	s, err := ensure(ctx, api, want, c)
	if err != nil {
		return nil, err
	}
	return &Log{c: c, conn: c.Conn, api: api, stream: s, name: want.Name}, nil
}

// Partition returns the number of the partition.
func (l *Log) Partition() int { return l.c.Partition }

// End implements events.Log. It is what a leader has that is in touch with a
// majority, so a leader that all its replicas have lost tells nothing old. Two
// moments remain in which one answers with less than what another has stored: it was
// stopped, goes on and has not yet heard of the other; or one replica had lost it,
// was elected by the rest, and these have been out of its reach for less than quiet.
func (l *Log) End(ctx context.Context) (events.Position, error) {
	info, err := l.Info(ctx)
	return events.Position{Partition: l.c.Partition, Seq: info.Last}, err
}

// Info implements events.Log. The stream's leader answers.
func (l *Log) Info(ctx context.Context) (events.Info, error) {
	i, err := l.info(ctx)
	if err != nil {
		return events.Info{}, err
	}
	first := i.State.FirstSeq
	if i.State.LastSeq == 0 {
		first = 0 // the server says 1 of an empty stream that was restored
	}
	return events.Info{
		Created: i.Created.UTC(),
		First:   events.Seq(first),
		Last:    events.Seq(i.State.LastSeq),
		Bytes:   i.State.Bytes,
	}, nil
}

type infoResponse struct {
	apiError
	js.StreamInfo
}

// failure adds what the server does not call one: a member of a group without a
// leader answers with what it has itself, and a leader that was cut off with what
// was there before. Both may be behind.
func (r *infoResponse) failure() error {
	if err := r.apiError.failure(); err != nil || r.Cluster == nil {
		return err
	}
	switch {
	case r.Cluster.Leader == "":
		return &js.APIError{Code: 503, ErrorCode: codeUnavailable, Description: "the stream has no leader"}
	case alone(r.Cluster.Replicas):
		return &js.APIError{Code: 503, ErrorCode: codeUnavailable, Description: "the stream's leader hears nothing from its replicas"}
	}
	return nil
}

// quiet is for how long a leader may have heard nothing of a replica, which answers
// its heartbeat every second. Replicas elect another leader after four seconds
// without one at the earliest, so a leader that all of them have lost is not
// believed any more when there is another (nats-server 2.15.2, server/raft.go, read
// 2026-11-20; it believes itself for up to twenty seconds).
const quiet = 3 * time.Second

// alone reports whether a leader with these replicas is out of touch with so many of
// them that they could have another leader.
func alone(replicas []*js.PeerInfo) bool {
	heard := 1
	for _, r := range replicas {
		// Active is 0 of a replica of which it never heard.
		if !r.Offline && r.Active > 0 && r.Active < quiet {
			heard++
		}
	}
	return len(replicas) > 0 && 2*heard <= len(replicas)+1
}

// info asks the stream's leader for its state.
func (l *Log) info(ctx context.Context) (*js.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, l.c.Timeout)
	defer cancel()
	var answer infoResponse
	if err := ask(ctx, l.conn, "STREAM.INFO."+l.name, nil, &answer); err != nil {
		return nil, fmt.Errorf("read the state of stream %s: %w", l.name, err)
	}
	return &answer.StreamInfo, nil
}
