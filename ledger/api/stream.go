package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// The sizes at which a stream is sent on (L11).
const (
	flushBytes = 64 << 10
	flushLines = 500
)

// stream writes a long answer piece by piece.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	kind    string
	buf     []byte
	lines   int
	started bool
}

func newStream(w http.ResponseWriter, kind string) *stream {
	return &stream{w: w, control: http.NewResponseController(w), kind: kind, buf: make([]byte, 0, flushBytes+4096)}
}

// start sends the header. The request is read; a deadline for that must not
// reach into the answer.
func (s *stream) start() {
	if s.started {
		return
	}
	s.started = true
	// Not every writer knows deadlines; then there is none to lift.
	_ = s.control.SetReadDeadline(time.Time{})
	s.w.Header().Set("Content-Type", s.kind)
	s.w.WriteHeader(http.StatusOK)
}

// line is called after a line was added to buf.
func (s *stream) line() error {
	s.lines++
	if s.lines < flushLines && len(s.buf) < flushBytes {
		return nil
	}
	return s.flush()
}

// flush sends what was gathered. A reader who does not take it for a while
// loses the connection, so that it cannot hold a slot for ever.
func (s *stream) flush() error {
	s.start()
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	if len(s.buf) > 0 {
		if _, err := s.w.Write(s.buf); err != nil {
			return err
		}
	}
	s.buf, s.lines = s.buf[:0], 0
	return s.control.Flush()
}

// stream answers with what f writes. An error before the first piece is a
// problem; later, closing the connection is the only way to tell that the list
// is not complete (L12).
func (s *Server) stream(ctx context.Context, kind string, f func(*stream) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(huma.Context) {
		q := from(ctx)
		out := newStream(q.w, kind)
		err := f(out)
		if err == nil {
			err = out.flush()
		}
		switch {
		case err == nil:
		case !out.started:
			s.writeProblem(q.w, s.problem(ctx, err))
		default:
			panic(http.ErrAbortHandler)
		}
	}}
}

// appendText adds a JSON string. Ids are plain as a rule, and a list holds
// millions of them.
func appendText(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			quoted, err := json.Marshal(text)
			if err != nil { // a string always marshals
				panic(err)
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}

// appendHolder adds one line of a list of holders.
func appendHolder(b []byte, channel, device, certainty, cursor string) []byte {
	b = append(b, `{"channel":`...)
	b = appendText(b, channel)
	b = append(b, `,"device":`...)
	b = appendText(b, device)
	b = append(b, `,"certainty":"`...)
	b = append(b, certainty...)
	b = append(b, `","cursor":"`...)
	b = append(b, cursor...)
	return append(b, "\"}\n"...)
}

// appendRecallDevice adds one line of the proof of a recall.
func appendRecallDevice(b []byte, d *RecallDevice) []byte {
	b = append(b, `{"channel":`...)
	b = appendText(b, d.Channel)
	b = append(b, `,"device":`...)
	b = appendText(b, d.Device)
	b = append(b, `,"facts":[`...)
	for i, f := range d.Facts {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, f)
	}
	b = append(b, `],"late":`...)
	b = appendBool(b, d.Late)
	b = append(b, `,"commanded":`...)
	b = appendBool(b, d.Commanded)
	b = append(b, `,"outcome":"`...)
	b = append(b, d.Outcome...)
	b = append(b, `","cursor":"`...)
	b = append(b, d.Cursor...)
	return append(b, "\"}\n"...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, "true"...)
	}
	return append(b, "false"...)
}
