package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

const (
	// chunkBytes is the size of a piece of a snapshot on the wire, windowBytes how
	// much is under way: below what a connection may have pending.
	chunkBytes  = 256 << 10
	windowBytes = 8 << 20
	// pieceIn is how long the next piece of a snapshot may take, and answerIn an
	// answer, which may stand for all that was sent before.
	pieceIn  = 10 * time.Second
	answerIn = 30 * time.Second
)

// Progress is told of a backup or restore under way: the bytes of the snapshot so
// far. It is compressed, so the bytes of the stream are no measure of its end.
type Progress func(bytes int64)

// Backup writes a backup of a stream to w: all its messages as they are when it
// begins, with sequences and times, its settings, and how far its queues are. The
// stream stays in use meanwhile. The stream's leader gives the snapshot; it checks
// every message's checksum. A leader whose copy has a hole is refused with a
// *GapError.
//
// Of a queue in a cluster the server keeps only up to where everything was ended:
// what was ended beyond that comes again after a restore (nats-server 2.15.2,
// server/stream_backup.go, read and measured 2026-11-20).
//
// Only when Backup returns nil is there a backup.
func Backup(ctx context.Context, conn *Conn, stream string, w io.Writer, progress Progress) (Metadata, error) {
	for tries := 1; ; tries++ {
		b := &backup{conn: conn, stream: stream, w: w, progress: progress}
		err := b.run(ctx)
		if err == nil {
			return b.meta, nil
		}
		// A consumer that ends while the server asks it how far it is, or whose
		// server is down, ends the snapshot as well, before anything was written.
		if !errors.Is(err, errBrokeOff) || b.archive != nil || tries == backupTries || !pause(ctx, 10*tryPause) {
			return Metadata{}, fmt.Errorf("back up stream %s: %w", stream, err)
		}
		b.dismissReader(ctx, err)
	}
}

// backupTries is how often a backup is begun of which nothing came.
const backupTries = 20

// dismissReader removes the reader's consumer that an error of the server names:
// nobody needs to know how far it is. One of a queue is left as it is.
func (b *backup) dismissReader(ctx context.Context, err error) {
	_, name, found := strings.Cut(err.Error(), b.stream+" > "+readerPrefix)
	if !found {
		return
	}
	name, _, _ = strings.Cut(name, "'")
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	// If it fails the next try says the same again.
	_ = ask(ctx, b.conn, "CONSUMER.DELETE."+b.stream+"."+readerPrefix+name, nil, &apiError{})
}

// errBrokeOff is a snapshot that the server ended before its end.
var errBrokeOff = errors.New("the server broke off")

// backup is one snapshot under way.
type backup struct {
	conn     *nats.Conn
	stream   string
	w        io.Writer
	progress Progress
	meta     Metadata
	// archive is nil until something is written.
	archive *archiveWriter
}

func (b *backup) run(ctx context.Context) error {
	var info infoResponse
	bounded, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	if err := ask(bounded, b.conn, "STREAM.INFO."+b.stream, nil, &info); err != nil {
		return err
	}
	sub, err := b.conn.SubscribeSync(b.conn.NewInbox())
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	// The server makes a snapshot for every request: it is not made twice.
	var answer struct {
		apiError
		Config json.RawMessage `json:"config"`
		State  json.RawMessage `json:"state"`
	}
	if err := once(bounded, b.conn, "STREAM.SNAPSHOT."+b.stream, map[string]any{
		"deliver_subject": sub.Subject, "chunk_size": chunkBytes, "window_size": windowBytes,
	}, &answer); err != nil {
		return err
	}
	var state js.StreamState
	if err := json.Unmarshal(answer.State, &state); err != nil {
		return fmt.Errorf("the server's answer: %w", err)
	}
	if held := (StreamState{Messages: state.Msgs, First: state.FirstSeq, Last: state.LastSeq, Deleted: state.NumDeleted}); !held.Whole() {
		return &GapError{Stream: b.stream, Missing: held.missing()}
	}
	b.meta = Metadata{
		Format: archiveFormat, Stream: b.stream, Created: info.Created, Taken: info.TimeStamp,
		Messages: state.Msgs, Bytes: state.Bytes, First: state.FirstSeq, Last: state.LastSeq, LastTime: state.LastTime,
		Config: answer.Config, State: answer.State,
	}
	if err := b.receive(ctx, sub); err != nil {
		return err
	}
	return b.archive.Close()
}

// write takes a piece of the snapshot.
func (b *backup) write(piece []byte) error {
	if b.archive == nil {
		var err error
		if b.archive, err = newArchiveWriter(b.w, &b.meta); err != nil {
			return err
		}
	}
	if _, err := b.archive.Write(piece); err != nil {
		return err
	}
	if b.progress != nil && len(piece) > 0 {
		b.progress(b.archive.bytes)
	}
	return nil
}

// once makes a request of the JetStream API that may not be repeated.
func once(ctx context.Context, conn *nats.Conn, subject string, request any, answer interface{ failure() error }) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	reply, err := conn.RequestWithContext(ctx, apiPrefix+subject, body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(reply.Data, answer); err != nil {
		return fmt.Errorf("the server's answer to %s: %w", subject, err)
	}
	return answer.failure()
}

// receive takes the pieces of a snapshot. Each but the last says by its reply
// subject how long it is and which one, and is acknowledged once it is written;
// an empty message is the end.
func (b *backup) receive(ctx context.Context, sub *nats.Subscription) error {
	// What is under way when the connection is lost does not come again.
	ctx, stop := whileConnected(ctx, b.conn)
	defer stop()
	var last []byte
	for next := 1; ; next++ {
		m, err := nextPiece(ctx, sub, pieceIn)
		if err != nil {
			return err
		}
		if len(m.Data) == 0 {
			if code := m.Header.Get("Status"); code != "" && code != "204" {
				return fmt.Errorf("%w: %s %s", errBrokeOff, code, m.Header.Get("Description"))
			}
			return b.write(last)
		}
		if m.Reply == "" {
			// What stood in the pipe when the snapshot ended, well or not.
			last = m.Data
			continue
		}
		tokens := strings.Split(m.Reply, ".")
		if n, err := strconv.Atoi(tokens[len(tokens)-1]); err != nil || n != next {
			return fmt.Errorf("piece %d of the snapshot came as %q", next, m.Reply)
		}
		if err := b.write(m.Data); err != nil {
			return err
		}
		if err := b.conn.Publish(m.Reply, nil); err != nil {
			return err
		}
	}
}

func nextPiece(ctx context.Context, sub *nats.Subscription, patience time.Duration) (*nats.Msg, error) {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := sub.NextMsgWithContext(bounded)
	if err == nil {
		return m, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("the server was silent for %s", patience)
	}
	return nil, err
}

// whileConnected returns a context that ends with errConnectionLost when the
// connection does. stop releases it.
func whileConnected(ctx context.Context, conn *nats.Conn) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	lost := conn.StatusChanged(nats.RECONNECTING, nats.DISCONNECTED, nats.CLOSED)
	go func() {
		select {
		case <-lost:
			cancel(errConnectionLost)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		conn.RemoveStatusListener(lost)
		cancel(nil)
	}
}
