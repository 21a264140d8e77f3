package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/recall-ledger/recall-ledger/events"
)

// Whatever the input, every line that is not blank is in exactly one chunk, under
// its own number, and the offsets are those of line starts.
func TestChunks(t *testing.T) {
	long := strings.Repeat("x", events.MaxEventBytes+1)
	fits := strings.Repeat("y", events.MaxEventBytes)
	for name, input := range map[string]string{
		"empty":            "",
		"blank":            "\n \n\t\r\n\n",
		"one":              "a\n",
		"no line break":    "a\nb",
		"windows":          "a\r\n\r\nb\r\n",
		"blank inside":     "a\n\n\nb\n\nc\n",
		"many":             strings.Repeat("event\n", 3*chunkLines+1),
		"exactly a chunk":  strings.Repeat("event\n", chunkLines),
		"large":            strings.Repeat(fits+"\n", 8),
		"too long":         "a\n" + long + "\nb\n" + long + "\n",
		"too long, at end": "a\n" + long,
		"only too long":    long,
	} {
		t.Run(name, func(t *testing.T) {
			want := map[int64]string{}
			for i, line := range strings.Split(input, "\n") {
				if line = strings.TrimSpace(line); line != "" {
					want[int64(i)+1] = line
				}
			}
			r := newChunkReader(iotest.HalfReader(strings.NewReader(input)), 0, 0)
			for {
				c, err := r.next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				checkChunk(t, c, input, want)
			}
			for n := range want {
				t.Errorf("line %d is in no chunk", n)
			}
		})
	}
}

func checkChunk(t *testing.T, c *chunk, input string, want map[int64]string) {
	t.Helper()
	if len(c.lines) > chunkLines || len(c.body) > chunkBytes+events.MaxEventBytes+1 {
		t.Errorf("a chunk has %d lines and %d bytes", len(c.lines), len(c.body))
	}
	if c.end != int64(len(input)) && (c.end == 0 || input[c.end-1] != '\n') {
		t.Errorf("a chunk ends inside of a line, at %d", c.end)
	}
	for i, n := range c.lines {
		if got := string(c.event(i)); got != want[n] {
			t.Errorf("line %d: got %.20q, want %.20q", n, got, want[n])
		}
		delete(want, n)
	}
	for _, e := range c.refused {
		if len(want[e.Line]) <= events.MaxEventBytes {
			t.Errorf("line %d is refused, it has %d bytes", e.Line, len(want[e.Line]))
		}
		delete(want, e.Line)
	}
}

func TestHalves(t *testing.T) {
	c := &chunk{}
	for i := range 5 {
		c.add(fmt.Appendf(nil, "e%d", i), int64(10+i))
	}
	a, b := c.halves()
	if got := string(a.body) + "|" + string(b.body); got != "e0\ne1\n|e2\ne3\ne4\n" {
		t.Errorf("got %q", got)
	}
	if fmt.Sprint(a.lines, b.lines) != "[10 11] [12 13 14]" {
		t.Errorf("got %v %v", a.lines, b.lines)
	}
}

// What came over a pipe is sent on before more comes.
func TestLiveInput(t *testing.T) {
	in, out := io.Pipe()
	defer out.Close()
	go io.WriteString(out, "a\nb\n")
	r := newChunkReader(in, 0, 0)
	r.live = true
	c, err := r.next()
	if err != nil || string(c.body) != "a\nb\n" || c.last != 2 {
		t.Errorf("got %+v, %v", c, err)
	}
}
