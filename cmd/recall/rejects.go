package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// shownRejects is how many refused lines are listed; the file has them all.
const shownRejects = 20

// rejects lists refused lines, and collects them in a file.
type rejects struct {
	f   *os.File
	w   *bufio.Writer
	n   int
	log func(format string, args ...any)
}

// openRejects opens the file; a run that goes on adds to it.
func openRejects(path string, goesOn bool) (*rejects, error) {
	r := &rejects{}
	if path == "" {
		return r, nil
	}
	mode := os.O_TRUNC
	if goesOn {
		mode = os.O_APPEND
	}
	var err error
	if r.f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|mode, 0o600); err != nil {
		return nil, fmt.Errorf("open the file of rejects: %w", err)
	}
	r.w = bufio.NewWriter(r.f)
	return r, nil
}

func (r *rejects) add(list []refusal) error {
	for _, e := range list {
		if r.n++; r.n <= shownRejects {
			r.log("line %d: %s: %s", e.Line, e.Field, e.Reason)
		} else if r.n == shownRejects+1 {
			r.log("more lines are refused; only the first %d are listed", shownRejects)
		}
		if r.f == nil {
			continue
		}
		b, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if _, err := r.w.Write(append(b, '\n')); err != nil {
			return fmt.Errorf("write the file of rejects: %w", err)
		}
	}
	if r.f == nil || len(list) == 0 {
		return nil
	}
	if err := errors.Join(r.w.Flush(), r.f.Sync()); err != nil {
		return fmt.Errorf("write the file of rejects: %w", err)
	}
	return nil
}

func (r *rejects) close() error {
	if r.f == nil {
		return nil
	}
	return errors.Join(r.w.Flush(), r.f.Close())
}

// sameFile reports whether two names are of one file.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
