package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

const (
	leaseBucket = "RECALL-LEASES"
	leaseStream = "KV_" + leaseBucket
	leaseSpace  = "$KV." + leaseBucket + "."
	// leasePrefix and nodePrefix tell the two kinds of keys apart.
	leasePrefix = "lease."
	nodePrefix  = "node."
	// opHeader marks a message of the bucket that holds no value (ADR-8).
	opHeader = "KV-Operation"
	// markerTTL is how long the bucket shows that a node has gone.
	markerTTL = time.Minute
	// openTimeout bounds opening: a cluster without a leader does not answer.
	openTimeout = 30 * time.Second
	// withdrawTimeout bounds how long a node that stops tries to say so.
	withdrawTimeout = time.Second
)

// leaseValue is what a key holds: of a lease its holder, of a node itself.
type leaseValue struct {
	Node  string    `json:"node"`
	Since time.Time `json:"since"`
	// TTL is for how long after it was stored the value holds, in milliseconds.
	TTL int64 `json:"ttl_ms"`
	// Info and Wants, the leases a node asks for, are a node's.
	Info  string   `json:"info,omitempty"`
	Wants []string `json:"wants,omitempty"`
}

func (v leaseValue) ttl() time.Duration { return time.Duration(v.TTL) * time.Millisecond }

// leaseStore is the key-value bucket of the leases. A lease has no time to live on
// the server, whose clock is not to be trusted with it. What is left of the dead
// is one message for every lease there ever was. A node's entry has one, so that
// names that never come again go away.
type leaseStore struct {
	conn   *nats.Conn
	api    js.JetStream
	kv     js.KeyValue
	stream js.Stream
}

func bucketConfig(replicas int) js.StreamConfig {
	return js.StreamConfig{
		Name:                   leaseStream,
		Description:            "Recall Ledger: which node does what",
		Subjects:               []string{leaseSpace + ">"},
		Storage:                js.FileStorage,
		Replicas:               replicas,
		MaxMsgsPerSubject:      1,
		MaxMsgs:                -1,
		MaxBytes:               -1,
		MaxMsgSize:             -1,
		MaxConsumers:           -1,
		Discard:                js.DiscardNew,
		DenyDelete:             true,
		AllowRollup:            true,
		AllowMsgTTL:            true,
		SubjectDeleteMarkerTTL: markerTTL,
	}
}

func openLeaseStore(ctx context.Context, conn *nats.Conn, replicas int) (leaseStore, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	b := leaseStore{conn: conn}
	var err error
	if b.api, err = js.New(conn); err != nil {
		return b, fmt.Errorf("open JetStream: %w", err)
	}
	want := bucketConfig(replicas)
	for {
		once, stop := context.WithTimeout(ctx, tryTimeout)
		err := b.open(once, want)
		stop()
		// A bucket whose leader is gone has another in some seconds.
		if err == nil || !passing(err) || !pause(ctx, tryPause) {
			return b, err
		}
	}
}

// passing reports whether the cluster may answer otherwise in a moment.
func passing(err error) bool {
	answer := asAPI(err)
	return temporary(err) || answer != nil && scarce(answer)
}

// open makes the bucket, or checks the one there.
func (b *leaseStore) open(ctx context.Context, want js.StreamConfig) error {
	var err error
	b.stream, err = b.api.Stream(ctx, want.Name)
	if errors.Is(err, js.ErrStreamNotFound) {
		b.stream, err = b.api.CreateStream(ctx, want)
	}
	if err != nil {
		return fmt.Errorf("open bucket %s: %w", leaseBucket, err)
	}
	if d := bucketDifferences(b.stream.CachedInfo().Config, want); len(d) > 0 {
		return &DifferenceError{Stream: want.Name, Differences: d}
	}
	if b.kv, err = b.api.KeyValue(ctx, leaseBucket); err != nil {
		return fmt.Errorf("open bucket %s: %w", leaseBucket, err)
	}
	return nil
}

func bucketDifferences(have, want js.StreamConfig) []string {
	var d []string
	for _, f := range []struct {
		name       string
		have, want any
	}{
		{"subjects", strings.Join(have.Subjects, " "), strings.Join(want.Subjects, " ")},
		{"subject transform", have.SubjectTransform != nil, false},
		{"storage", have.Storage, want.Storage},
		{"retention", have.Retention, want.Retention},
		{"replicas", have.Replicas, want.Replicas},
		{"max age", have.MaxAge, want.MaxAge},
		{"history", have.MaxMsgsPerSubject, want.MaxMsgsPerSubject},
		{"max messages", have.MaxMsgs, want.MaxMsgs},
		{"max bytes", have.MaxBytes, want.MaxBytes},
		{"max message size", have.MaxMsgSize, want.MaxMsgSize},
		{"discard", have.Discard, want.Discard},
		{"deny delete", have.DenyDelete, want.DenyDelete},
		{"deny purge", have.DenyPurge, want.DenyPurge},
		{"rollup", have.AllowRollup, want.AllowRollup},
		{"allow direct", have.AllowDirect, want.AllowDirect},
		{"message TTL", have.AllowMsgTTL, want.AllowMsgTTL},
		{"delete marker TTL", have.SubjectDeleteMarkerTTL, want.SubjectDeleteMarkerTTL},
		{"no acknowledgements", have.NoAck, want.NoAck},
		{"sealed", have.Sealed, want.Sealed},
		{"mirror", have.Mirror != nil, false},
		{"sources", len(have.Sources), 0},
		{"message counters", have.AllowMsgCounter, false},
		{"message schedules", have.AllowMsgSchedules, false},
		{"persist mode", have.PersistMode, want.PersistMode},
	} {
		if f.have != f.want {
			d = append(d, fmt.Sprintf("%s is %v, needed %v", f.name, f.have, f.want))
		}
	}
	return d
}

// put writes a lease if the key's last revision is expect, 0 for none. Errors
// are those of the client; lostRace tells what they mean.
func (b leaseStore) put(ctx context.Context, name string, v leaseValue, expect uint64) (uint64, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return 0, err
	}
	return b.kv.Update(ctx, leasePrefix+name, body, expect)
}

// remove gives a lease back if its last revision is expect.
func (b leaseStore) remove(ctx context.Context, name string, expect uint64) error {
	return b.kv.Delete(ctx, leasePrefix+name, js.LastRevision(expect))
}

// last reads the lease's newest revision from the stream's leader; an entry
// without revision when there never was one.
func (b leaseStore) last(ctx context.Context, name string) (entry, error) {
	m, err := b.stream.GetLastMsgForSubject(ctx, leaseSpace+leasePrefix+name)
	if errors.Is(err, js.ErrMsgNotFound) {
		return entry{gone: true, seen: time.Now()}, nil
	}
	if err != nil {
		return entry{}, err
	}
	gone := m.Header.Get(opHeader) != "" || m.Header.Get(js.MarkerReasonHeader) != ""
	return newEntry(m.Sequence, m.Data, gone), nil
}

// announce shows that a node is there. The client's key-value API keeps no time
// to live over a change, so this is the publish behind it.
func (b leaseStore) announce(ctx context.Context, v leaseValue) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = b.api.Publish(ctx, leaseSpace+nodePrefix+v.Node, body, js.WithMsgTTL(wholeSeconds(v.ttl())))
	return err
}

// wholeSeconds rounds up to what the server takes as a time to live.
func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// withdraw shows that a node is gone. If that fails the entry expires.
func (b leaseStore) withdraw(ctx context.Context, node string) {
	if b.conn.IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, withdrawTimeout)
	defer cancel()
	_ = b.kv.Purge(ctx, nodePrefix+node, js.PurgeTTL(markerTTL))
}

// live calls f for every value under the prefix that still holds, in the order
// of names, by the clock of the servers.
func (b leaseStore) live(ctx context.Context, prefix string, f func(name string, v leaseValue)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := b.api.Stream(ctx, leaseStream)
	if err != nil {
		return fmt.Errorf("read bucket %s: %w", leaseBucket, err)
	}
	now := s.CachedInfo().TimeStamp
	w, err := b.kv.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("read bucket %s: %w", leaseBucket, err)
	}
	found := map[string]leaseValue{}
	whole := false
	for e := range w.Updates() {
		if e == nil {
			whole = true
			break
		}
		name, ok := strings.CutPrefix(e.Key(), prefix)
		if !ok || e.Operation() != js.KeyValuePut {
			continue
		}
		var v leaseValue
		if json.Unmarshal(e.Value(), &v) == nil && now.Sub(e.Created()) < v.ttl() {
			found[name] = v
		}
	}
	cancel()
	drain(w)
	if !whole {
		return fmt.Errorf("read bucket %s: %w", leaseBucket, errors.Join(ctx.Err(), errWatchEnded))
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f(name, found[name])
	}
	return nil
}

var errWatchEnded = errors.New("the watch ended early")

// drain lets go of a watch whose context has ended: its last update would
// otherwise wait for a reader for ever.
func drain(w js.KeyWatcher) {
	for e := range w.Updates() {
		_ = e
	}
}
