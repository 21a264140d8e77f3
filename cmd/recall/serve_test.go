package main

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
)

// shared is a buffer for several goroutines: parts of a node may still log
// while the command prints.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shared) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestServeToldToStopAtOnce: a service manager that stops a node while it starts
// must not see a failure.
func TestServeToldToStopAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out shared
	root := newRoot(&globalOptions{})
	root.SetArgs([]string{"serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0"})
	root.SetOut(&out)
	root.SetErr(&out)
	if err := root.ExecuteContext(ctx); err != nil || !strings.Contains(out.String(), "stopped while starting") {
		t.Errorf("serve = %v, want an end in order: %s", err, out.String())
	}
}
