package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	js "github.com/nats-io/nats.go/jetstream"

	"github.com/recall-ledger/recall-ledger/events"
)

// MaxPartitions bounds the partitions of a ledger (L11).
const MaxPartitions = 64

// metaPartitions is the name under which the first partition's stream says how
// many there are. A stream that says nothing is of a ledger with one.
const metaPartitions = "recall-ledger-partitions"

// metaGrown is the name under which the first partition's stream says from how many
// partitions the log has grown: events.Growth, the oldest first, in JSON.
const metaGrown = "recall-ledger-grown"

// PartitionsError is a ledger with another number of partitions than asked for.
type PartitionsError struct{ Have, Want int }

func (e *PartitionsError) Error() string {
	return fmt.Sprintf("the log has %d partitions, asked for are %d: every push lives in the one its id belongs to; leave the number out, or point to another log; recall partitions grow gives a log more of them", e.Have, e.Want)
}

// OpenAll opens the logs of all partitions in order, and makes them when there are
// none. partitions is how many there must be; 0 takes what is there, or one.
func OpenAll(ctx context.Context, c Config, partitions int) ([]*Log, error) {
	if partitions < 0 || partitions > MaxPartitions {
		return nil, fmt.Errorf("%d partitions, the limit is 1 to %d", partitions, MaxPartitions)
	}
	have, err := Partitions(ctx, c)
	if err != nil {
		return nil, err
	}
	switch {
	case partitions == 0:
		partitions = max(have, 1)
	case have != 0 && have != partitions:
		return nil, &PartitionsError{Have: have, Want: partitions}
	}
	c.Settings.Partitions = partitions
	logs := make([]*Log, 0, partitions)
	// The first one is made first and says how many there are: a crash behind it
	// leaves a log whose others are made at the next start.
	for i := range partitions {
		c.Partition = i
		l, err := Open(ctx, c)
		if err != nil {
			return nil, err
		}
		logs = append(logs, l)
	}
	_, err = logs[0].Grown()
	return logs, err
}

// Grown returns from how many partitions the log has grown, the oldest first; the
// stream of the first partition says it, as it was when it was opened.
func (l *Log) Grown() ([]events.Growth, error) {
	return grownOf(l.stream.CachedInfo().Config)
}

func grownOf(c js.StreamConfig) ([]events.Growth, error) {
	text := c.Metadata[metaGrown]
	if text == "" {
		return nil, nil
	}
	partitions, err := partitionsOf(c)
	if err != nil {
		return nil, err
	}
	var grown []events.Growth
	if err = json.Unmarshal([]byte(text), &grown); err == nil {
		err = events.CheckGrowths(grown, partitions)
	}
	if err != nil {
		return nil, fmt.Errorf("stream %s says that it has grown, but not how: %w; restore its metadata %s", c.Name, err, metaGrown)
	}
	return grown, nil
}

// Partitions returns how many partitions the log has, 0 when there is no log.
func Partitions(ctx context.Context, c Config) (int, error) {
	c.setDefaults()
	api, err := js.New(c.Conn, js.WithDefaultTimeout(c.Timeout))
	if err != nil {
		return 0, fmt.Errorf("open JetStream: %w", err)
	}
	bounded, cancel := context.WithTimeout(ctx, c.OpenTimeout)
	defer cancel()
	for {
		once, cancel := context.WithTimeout(bounded, tryTimeout)
		s, err := api.Stream(once, StreamName(0))
		cancel()
		switch {
		case err == nil:
			return partitionsOf(s.CachedInfo().Config)
		case errors.Is(err, js.ErrStreamNotFound):
			return 0, nil
		case ctx.Err() != nil:
			return 0, fmt.Errorf("open stream %s: %w", StreamName(0), ctx.Err())
		case !temporary(err) || !pause(bounded, tryPause):
			return 0, openError(streamConfig(0, c.Settings), err)
		}
	}
}

func partitionsOf(c js.StreamConfig) (int, error) {
	text := c.Metadata[metaPartitions]
	if text == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > MaxPartitions {
		return 0, fmt.Errorf("stream %s says that it has %q partitions; restore its metadata %s", c.Name, text, metaPartitions)
	}
	return n, nil
}

// partitionsMetadata is what the stream of a partition says of all.
func partitionsMetadata(partitions int) map[string]string {
	if partitions <= 1 {
		return nil
	}
	return map[string]string{metaPartitions: strconv.Itoa(partitions)}
}
