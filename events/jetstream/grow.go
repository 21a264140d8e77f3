package jetstream

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	js "github.com/nats-io/nats.go/jetstream"

	"github.com/recall-ledger/recall-ledger/events"
)

// Grow gives a log more partitions and returns from what it has grown. No node may
// run: what one that does not know of it writes about new pushes is misplaced. Nothing
// is moved: what began before stays in its partition, what begins afterwards goes
// where it belongs among all of them.
//
// c.Settings are those the streams shall have; of what is there already only the
// number of partitions and the limit of bytes may differ. A Grow that broke off is
// finished by calling it again: until the first partition's stream says so, which is
// done last, the log has not grown, and a node that starts in between is refused.
func Grow(ctx context.Context, c Config, partitions int) (events.Growth, error) {
	var none events.Growth
	have, err := Partitions(ctx, c)
	switch {
	case err != nil:
		return none, err
	case have == 0:
		return none, fmt.Errorf("stream %s does not exist: there is no log", StreamName(0))
	case partitions <= have || partitions > MaxPartitions:
		return none, fmt.Errorf("the log has %d partitions; it can be given more, at most %d, not %d", have, MaxPartitions, partitions)
	}
	c.setDefaults()
	c.Settings.Partitions = partitions
	old := make([]*Log, have)
	for i := range old {
		c.Partition = i
		if old[i], err = openToGrow(ctx, c); err != nil {
			return none, err
		}
	}
	grown, err := old[0].Grown()
	if err != nil {
		return none, err
	}
	// The servers set aside what a stream may take: those that are there give of it
	// before others are made.
	for _, l := range old {
		if err := l.change(ctx, nil); err != nil {
			return none, err
		}
	}
	for i := have; i < partitions; i++ {
		c.Partition = i
		if _, err := Open(ctx, c); err != nil {
			return none, err
		}
	}
	g := events.Growth{Partitions: have}
	for _, l := range old {
		end, err := l.End(ctx)
		if err != nil {
			return none, err
		}
		g.Ends = append(g.Ends, end)
	}
	text, err := json.Marshal(append(grown, g))
	if err != nil { // plain fields always marshal
		panic(err)
	}
	// The first one is last: it is the one that says how many there are.
	for i := have - 1; i >= 0; i-- {
		says := map[string]string{metaPartitions: strconv.Itoa(partitions)}
		if i == 0 {
			says[metaGrown] = string(text)
		}
		if err := old[i].change(ctx, says); err != nil {
			return none, err
		}
	}
	return g, nil
}

// openToGrow opens a stream that is there, whatever its share of the log's size and
// however many others there are.
func openToGrow(ctx context.Context, c Config) (*Log, error) {
	api, err := js.New(c.Conn, js.WithDefaultTimeout(c.Timeout))
	if err != nil {
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	name := StreamName(c.Partition)
	s, err := api.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", name, err)
	}
	want := streamConfig(c.Partition, c.Settings)
	have := s.CachedInfo()
	same := have.Config
	same.MaxBytes = want.MaxBytes
	same.Metadata = maps.Clone(same.Metadata)
	if same.Metadata == nil {
		same.Metadata = map[string]string{}
	}
	same.Metadata[metaPartitions] = want.Metadata[metaPartitions]
	if err := check(same, want); err != nil {
		return nil, err
	}
	// A stream that is full refuses what comes: room for as much again.
	if size := have.State.Bytes; want.MaxBytes > 0 && 2*size > uint64(want.MaxBytes) {
		return nil, fmt.Errorf("stream %s has %d bytes, and its share of the log's size would be %d: raise log.max_bytes so that twice what it has fits into the share", name, size, want.MaxBytes)
	}
	return &Log{c: c, conn: c.Conn, api: api, stream: s, name: name}, nil
}

// change gives the stream its share of the log's size, and says more among its
// metadata.
func (l *Log) change(ctx context.Context, says map[string]string) error {
	config := l.stream.CachedInfo().Config
	config.MaxBytes = streamConfig(l.c.Partition, l.c.Settings).MaxBytes
	config.Metadata = maps.Clone(config.Metadata)
	if config.Metadata == nil {
		config.Metadata = map[string]string{}
	}
	// The server adds what it knows itself.
	maps.DeleteFunc(config.Metadata, func(name, _ string) bool { return strings.HasPrefix(name, "_nats.") })
	maps.Copy(config.Metadata, says)
	if _, err := l.api.UpdateStream(ctx, config); err != nil {
		return fmt.Errorf("change stream %s: %w; until the log has grown no node starts: call it again", l.name, err)
	}
	return nil
}
