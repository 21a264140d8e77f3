package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/recall-ledger/recall-ledger/events"
)

// The limits of one request of recall publish (L11). They are well below those
// of the API, so that a ledger behind a proxy takes them too. A chunk is full
// once it reached one, so it is at most one event longer.
const (
	chunkLines = 2000
	chunkBytes = 3 << 20
)

// refusal is a line that was not accepted.
type refusal struct {
	Line   int64  `json:"line"`
	Field  string `json:"field"`
	Reason string `json:"reason"`
	// Event is the line as it was; empty where it is too long to be kept.
	Event string `json:"event,omitempty"`
}

// chunk is what one request carries.
type chunk struct {
	// body holds the events, one on each line, and lines their line numbers in
	// the input. starts tells where each begins.
	body   []byte
	lines  []int64
	starts []int
	// refused are lines too long to be sent at all.
	refused []refusal
	// end and last are the offset after the last line read, and its number.
	end, last int64
}

func (c *chunk) add(line []byte, number int64) {
	c.starts = append(c.starts, len(c.body))
	c.lines = append(c.lines, number)
	c.body = append(append(c.body, line...), '\n')
}

// event returns the i-th event.
func (c *chunk) event(i int) []byte {
	end := len(c.body)
	if i+1 < len(c.starts) {
		end = c.starts[i+1]
	}
	return bytes.TrimSuffix(c.body[c.starts[i]:end], []byte{'\n'})
}

// halves splits the events in two.
func (c *chunk) halves() (a, b *chunk) {
	a, b = &chunk{}, &chunk{}
	for i, n := range c.lines {
		if i < len(c.lines)/2 {
			a.add(c.event(i), n)
		} else {
			b.add(c.event(i), n)
		}
	}
	return a, b
}

// chunkReader reads lines in chunks and knows where it is.
type chunkReader struct {
	r      *bufio.Reader
	offset int64
	line   int64
	// done is true once the end was read.
	done bool
	// live input is sent on as it comes, instead of waiting for a full chunk:
	// whoever writes it may not write more for a long time.
	live bool
}

func newChunkReader(r io.Reader, offset, line int64) *chunkReader {
	return &chunkReader{r: bufio.NewReaderSize(r, 256<<10), offset: offset, line: line}
}

// next returns the next chunk, io.EOF at the end. Blank lines are passed over:
// the API does not count them either, and its answer names events by number.
func (r *chunkReader) next() (*chunk, error) {
	c := &chunk{}
	for !r.done && len(c.lines) < chunkLines && len(c.body) < chunkBytes {
		line, err := r.readLine()
		if errors.Is(err, errLongLine) {
			// The end, if it was the last line, is read again.
			c.refused = append(c.refused, refusal{Line: r.line, Field: "event",
				Reason: fmt.Sprintf("is longer than %d bytes, the limit; split the event", events.MaxEventBytes)})
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			c.add(line, r.line)
		}
		r.done = err != nil
		if r.live && len(c.lines) > 0 && r.r.Buffered() == 0 {
			break
		}
	}
	c.end, c.last = r.offset, r.line
	if r.done && len(c.lines) == 0 && len(c.refused) == 0 {
		return nil, io.EOF
	}
	return c, nil
}

// result is a chunk, or why there is none.
type result struct {
	chunk *chunk
	err   error
}

// ahead reads the next chunk while one is being sent. It also lets a run end
// while its input, somebody's keyboard or a pipe, says nothing.
func (r *chunkReader) ahead(ctx context.Context) <-chan result {
	results := make(chan result)
	go func() {
		for {
			c, err := r.next()
			select {
			case <-ctx.Done():
				return
			case results <- result{c, err}:
			}
			if err != nil {
				return
			}
		}
	}()
	return results
}

var errLongLine = errors.New("the line is longer than an event may be")

// readLine reads one line, with io.EOF when it is the last. A line longer than
// an event may be is passed over without keeping it.
func (r *chunkReader) readLine() ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := r.r.ReadSlice('\n')
		r.offset += int64(len(part))
		if len(line)+len(part) > events.MaxEventBytes+2 {
			long = true
		}
		if !long {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if len(part) > 0 || len(line) > 0 || long {
			r.line++
		}
		if long && (err == nil || errors.Is(err, io.EOF)) {
			return nil, errLongLine
		}
		return line, err
	}
}
