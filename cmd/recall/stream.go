package main

import (
	"bufio"
	"errors"
	"fmt"
	"syscall"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// lineStream prints a list that may be longer than memory, entry by entry: as
// JSON lines, unless a table is asked for. Its columns have fixed widths, since
// nobody knows what comes later.
type lineStream struct {
	p      *printer
	w      *bufio.Writer
	layout string
	head   []any
	n      int
	cursor string
}

func (p *printer) stream(layout string, head ...any) *lineStream {
	return &lineStream{p: p, w: bufio.NewWriterSize(p.out, 64<<10), layout: layout + "\n", head: head}
}

func (s *lineStream) entry(v any, cells ...any) error {
	s.n++
	if s.p.format != formatTable {
		b, err := encode(v)
		if err != nil {
			return err
		}
		_, err = s.w.Write(append(b, '\n'))
		return err
	}
	if s.n == 1 {
		fmt.Fprintf(s.w, s.layout, s.head...)
	}
	for i, c := range cells {
		if text, ok := c.(string); ok {
			cells[i] = clean(text)
		}
	}
	_, err := fmt.Fprintf(s.w, s.layout, cells...)
	return err
}

func (s *lineStream) flush() error {
	if s.n == 0 {
		s.p.note("There are none.")
	}
	return quietPipe(s.w.Flush())
}

// broken ends a list that broke off: what came is printed, and the error says
// how to go on.
func (s *lineStream) broken(err error) error {
	if quietPipe(err) == nil {
		return nil
	}
	if f := s.w.Flush(); f != nil {
		return quietPipe(f)
	}
	var p *api.Problem
	if s.cursor == "" || errors.As(err, &p) {
		return err
	}
	return fmt.Errorf("%w; go on with --cursor %s", err, s.cursor)
}

// quietPipe takes a reader who has seen enough, such as head, for an end.
func quietPipe(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}
