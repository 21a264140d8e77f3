package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Progress is used only for the file, and the ledger, it was made with.
func TestProgressBelongsToItsFile(t *testing.T) {
	long := strings.Repeat("line of an event\n", 10_000)
	for _, c := range []struct {
		name          string
		before, after string
		target        string
		goesOn        bool
	}{
		{"same", long, long, "here", true},
		{"grown", long, long + "more\n", "here", true},
		{"a short one, grown", "a\nb\n", "a\nb\nc\n", "here", true},
		{"other ledger", long, long, "there", false},
		{"shrunk", long, long[:len(long)-17], "here", false},
		{"other beginning", long, "X" + long[1:], "here", false},
		{"lines moved", long, long[:100_000] + "X" + long[100_001:], "here", true},
		{"other lines", long, strings.Repeat("another event\n", 20_000), "here", false},
		{"emptied", long, "", "here", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "events")
			open := func(text string) *os.File {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				f, err := os.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { f.Close() })
				return f
			}
			s, err := newProgress(open(c.before), "here")
			if err != nil {
				t.Fatal(err)
			}
			s.Line, s.Offset = 1, int64(strings.Index(c.before, "\n"))+1
			if err := s.write(path + progressSuffix); err != nil {
				t.Fatal(err)
			}
			got, why, err := readProgress(open(c.after), path+progressSuffix, c.target)
			if err != nil {
				t.Fatal(err)
			}
			if (got != nil) != c.goesOn || (why == "") != c.goesOn {
				t.Fatalf("got %+v, %q", got, why)
			}
			if got != nil && (got.Line != 1 || got.Offset != s.Offset || got.Size != int64(len(c.after))) {
				t.Errorf("got %+v", got)
			}
			if left, _ := filepath.Glob(path + progressSuffix + ".*"); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
		})
	}
}

// A place that is not the beginning of a line is not gone on from.
func TestProgressInsideALine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	if err := os.WriteFile(path, []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for offset, want := range map[int64]bool{0: true, 4: true, 8: true, 2: false, 9: false, -1: false} {
		s, err := newProgress(f, "t")
		if err != nil {
			t.Fatal(err)
		}
		s.Offset = offset
		if err := s.write(path + progressSuffix); err != nil {
			t.Fatal(err)
		}
		got, _, err := readProgress(f, path+progressSuffix, "t")
		if err != nil || (got != nil) != want {
			t.Errorf("offset %d: got %+v, %v", offset, got, err)
		}
	}
}
