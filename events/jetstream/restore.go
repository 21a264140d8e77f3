package jetstream

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

// RestoreOptions says how a backup is restored.
type RestoreOptions struct {
	// Replicas is how many the restored stream has: a log of one machine may go
	// into a cluster and back. 0 means as many as it had.
	Replicas int
	// Accept is asked before anything is changed; its error ends the restore. A
	// backup that is older than a known anchor is refused here.
	Accept func(Metadata) error
	// Progress is told how far it is.
	Progress Progress
}

// Restored is a log that was made from a backup.
type Restored struct {
	Metadata
	// Log is the identity of the restored log, its created time. The server gives
	// it a new one (measured, nats-server 2.15.2): a projection of the log that was
	// backed up does not belong to it, and is folded anew.
	Log time.Time
}

// ErrExists means that there is a stream already; it was not touched.
var ErrExists = errors.New("the stream exists; nothing was changed: a restore never overwrites a log")

// Restore makes a stream from a backup: messages, sequences, times, settings and
// the queues. It never overwrites: ErrExists. A damaged backup is ErrBackup; when r
// can seek, that is found before anything is made.
//
// Times and sequences only the server's own restore can set, a message at a time: an
// append, in a batch or alone, gets new ones. Of a stream with one replica the server
// fsyncs each (measured: some hundred to 7,700 messages a second as the disk is busy,
// and silent meanwhile: use a connection that is Patient), unless it syncs later,
// which is for a folder of its own (embedded.Config.SyncLater; measured: 109,000 to
// 322,000). Of one with several replicas it fsyncs at its next interval, two minutes
// unless configured (nats-server 2.15.2, server/filestore.go, read 2026-11-20;
// measured: 92,000 to 133,000), which may be after Restore has returned: keep the
// backup until then.
//
// While it is made the stream bears a mark with which Open refuses it. A restore
// that fails removes what it made. In a cluster the other replicas get their
// copies from the first afterwards.
func Restore(ctx context.Context, conn *Conn, r io.Reader, o RestoreOptions) (Restored, error) {
	if err := checkFirst(r); err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	a, err := newArchiveReader(r)
	if err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	created, err := restore(ctx, conn, a, o)
	if err != nil {
		return Restored{}, fmt.Errorf("restore stream %s: %w", a.Stream, err)
	}
	return Restored{Metadata: a.Metadata, Log: created}, nil
}

// checkFirst reads all of a backup that can be read twice.
func checkFirst(r io.Reader) error {
	s, ok := r.(io.Seeker)
	if !ok {
		return nil
	}
	begin, err := s.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil //nolint:nilerr // a pipe cannot be read twice: it is checked as it comes
	}
	if _, err := CheckBackup(r); err != nil {
		return err
	}
	_, err = s.Seek(begin, io.SeekStart)
	return err
}

// CheckBackup reads a backup to its end: nil means that it is whole.
func CheckBackup(r io.Reader) (Metadata, error) {
	a, err := newArchiveReader(r)
	if err != nil {
		return Metadata{}, err
	}
	_, err = io.Copy(io.Discard, a)
	return a.Metadata, err
}

func restore(ctx context.Context, conn *Conn, a *archiveReader, o RestoreOptions) (time.Time, error) {
	if o.Accept != nil {
		if err := o.Accept(a.Metadata); err != nil {
			return time.Time{}, err
		}
	}
	mark := rand.Text()
	final, marked, err := configs(a.Config, o.Replicas, mark)
	if err != nil {
		return time.Time{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	switch err := ask(bounded, conn, "STREAM.INFO."+a.Stream, nil, &infoResponse{}); {
	case err == nil:
		return time.Time{}, ErrExists
	case !isCode(err, js.JSErrCodeStreamNotFound):
		return time.Time{}, err
	}
	var answer struct {
		apiError
		Deliver string `json:"deliver_subject"`
	}
	err = once(bounded, conn, "STREAM.RESTORE."+a.Stream, map[string]any{"config": marked, "state": a.State}, &answer)
	for isCode(err, codeNoPeers) && pause(bounded, time.Second) {
		// A server that has just come back may count as offline: nothing was made.
		err = once(bounded, conn, "STREAM.RESTORE."+a.Stream, map[string]any{"config": marked, "state": a.State}, &answer)
	}
	if err != nil {
		if isCode(err, codeRestoreExists) || isCode(err, js.JSErrCodeStreamNameInUse) {
			return time.Time{}, ErrExists
		}
		return time.Time{}, err
	}
	// A single server makes the stream with the first piece, so another restore may
	// have been faster until then: what is there is this one's if it bears its mark.
	created, err := fill(ctx, conn, a, answer.Deliver, o.Progress)
	if err == nil {
		err = unmark(ctx, conn, a.Stream, final)
	}
	if err != nil {
		return time.Time{}, errors.Join(err, remove(ctx, conn, a.Stream, mark))
	}
	return created, nil
}

// codeRestoreExists is the server's answer when somebody was faster.
const codeRestoreExists = 10130

// restoreMark is the key of a stream's metadata that says that it is being made
// from a backup, and by which restore.
const restoreMark = "recall-restore"

// checkMark reports a stream that was not restored to its end.
func checkMark(c js.StreamConfig) error {
	if c.Metadata[restoreMark] == "" {
		return nil
	}
	return fmt.Errorf("stream %s is being restored from a backup, or the restore broke off: wait for its end; if it has ended, delete the stream and restore it again", c.Name)
}

// configs returns the settings of the restored stream, and those with the mark.
// Settings that this program does not know are kept.
func configs(config json.RawMessage, replicas int, mark string) (final, marked json.RawMessage, err error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(config, &all); err != nil {
		return nil, nil, fmt.Errorf("%w: its settings: %w", ErrBackup, err)
	}
	if replicas != 0 {
		if all["num_replicas"], err = json.Marshal(replicas); err != nil {
			return nil, nil, err
		}
		if all["compression"], err = json.Marshal(compression(replicas)); err != nil {
			return nil, nil, err
		}
	}
	if final, err = json.Marshal(all); err != nil {
		return nil, nil, err
	}
	metadata := map[string]string{}
	if m := all["metadata"]; m != nil {
		if err := json.Unmarshal(m, &metadata); err != nil {
			return nil, nil, fmt.Errorf("%w: its settings: %w", ErrBackup, err)
		}
	}
	metadata[restoreMark] = mark
	if all["metadata"], err = json.Marshal(metadata); err != nil {
		return nil, nil, err
	}
	marked, err = json.Marshal(all)
	return final, marked, err
}

// fill sends the snapshot and compares what the server made of it.
func fill(ctx context.Context, conn *Conn, a *archiveReader, to string, progress Progress) (time.Time, error) {
	s, err := newSender(conn, to)
	if err != nil {
		return time.Time{}, err
	}
	defer s.stop()
	made, err := s.send(ctx, a, progress)
	if err != nil {
		return time.Time{}, err
	}
	got := made.State
	if got.Msgs != a.Messages || got.LastSeq != a.Last || got.Msgs > 0 && got.FirstSeq != a.First {
		return time.Time{}, fmt.Errorf("the server made %d messages, %d to %d, of a backup of %d, %d to %d",
			got.Msgs, got.FirstSeq, got.LastSeq, a.Messages, a.First, a.Last)
	}
	return made.Created.UTC(), nil
}

// unmark makes the stream usable.
func unmark(ctx context.Context, conn *Conn, stream string, final json.RawMessage) error {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	if err := ask(ctx, conn, "STREAM.UPDATE."+stream, final, &infoResponse{}); err != nil {
		return fmt.Errorf("the stream is restored, and its mark could not be removed: %w", err)
	}
	return nil
}

// remove deletes what a restore made that failed: the server keeps a part. Of a
// stream that does not bear its mark it says ErrExists.
func remove(ctx context.Context, conn *Conn, stream, mark string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerIn)
	defer cancel()
	for {
		// Without a leader it can be removed all the same.
		var found struct {
			apiError
			Config js.StreamConfig `json:"config"`
		}
		err := ask(ctx, conn, "STREAM.INFO."+stream, nil, &found)
		switch {
		case isCode(err, js.JSErrCodeStreamNotFound):
			return nil
		case err == nil && found.Config.Metadata[restoreMark] != mark:
			return ErrExists
		case err == nil:
			err = ask(ctx, conn, "STREAM.DELETE."+stream, nil, &apiError{})
		}
		if !pause(ctx, tryPause) {
			return fmt.Errorf("what was made of it could not be removed: delete stream %s before it is restored again: %w", stream, err)
		}
	}
}

// sender sends a snapshot in pieces, each acknowledged by the server.
type sender struct {
	conn    *nats.Conn
	to      string
	answers *nats.Subscription
	// open is how many pieces are not acknowledged.
	open int
}

func newSender(conn *nats.Conn, to string) (*sender, error) {
	if to == "" {
		return nil, errors.New("the server's answer does not say where the snapshot goes")
	}
	sub, err := conn.SubscribeSync(conn.NewInbox())
	if err != nil {
		return nil, err
	}
	return &sender{conn: conn, to: to, answers: sub}, nil
}

func (s *sender) stop() { _ = s.answers.Unsubscribe() }

// pieceBytes is the size of a piece and maxOpen how many are under way. While the
// server stores them, a message at a time with an fsync each, it answers nothing
// else on the connection, not even its pings: it must not be for long.
const (
	pieceBytes = 16 << 10
	maxOpen    = 4
)

// send returns what the server made of the snapshot. The server is told the end
// in any case, so that it does not wait for more.
func (s *sender) send(ctx context.Context, r io.Reader, progress Progress) (*js.StreamInfo, error) {
	ctx, stop := whileConnected(ctx, s.conn)
	defer stop()
	err := s.pieces(ctx, r, progress)
	if endErr := s.conn.PublishRequest(s.to, s.answers.Subject, nil); err == nil {
		err = endErr
	}
	var made infoResponse
	if err == nil {
		err = s.answer(ctx, &made)
	}
	return &made.StreamInfo, err
}

func (s *sender) pieces(ctx context.Context, r io.Reader, progress Progress) error {
	chunk := make([]byte, pieceBytes)
	for sent := int64(0); ; {
		n, err := io.ReadFull(r, chunk)
		if n > 0 {
			if err := s.piece(ctx, chunk[:n]); err != nil {
				return err
			}
			if sent += int64(n); progress != nil {
				progress(sent)
			}
		}
		switch {
		case errors.Is(err, ErrBackup):
			return err
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return s.settle(ctx, 0)
		case err != nil:
			return err
		}
	}
}

func (s *sender) piece(ctx context.Context, data []byte) error {
	if err := s.settle(ctx, maxOpen-1); err != nil {
		return err
	}
	s.open++
	return s.conn.PublishRequest(s.to, s.answers.Subject, data)
}

// settle waits until no more than some pieces are not acknowledged.
func (s *sender) settle(ctx context.Context, open int) error {
	for ; s.open > open; s.open-- {
		if err := s.answer(ctx, &apiError{}); err != nil {
			return err
		}
	}
	return nil
}

// answer takes the next answer: nothing for a piece that was taken, or the
// server's words.
func (s *sender) answer(ctx context.Context, into interface{ failure() error }) error {
	m, err := nextPiece(ctx, s.answers, answerIn)
	switch {
	case err != nil:
		return err
	case m.Header.Get("Status") == "503":
		return errors.New("the server no longer takes the snapshot: it gave up, or another one leads")
	case len(m.Data) == 0:
		return nil
	}
	if err := json.Unmarshal(m.Data, into); err != nil {
		return fmt.Errorf("the server's answer: %w", err)
	}
	return into.failure()
}
