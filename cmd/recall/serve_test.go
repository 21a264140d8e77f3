package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// TestServeToldToStopAtOnce: a service manager that stops a node while it starts
// must not see a failure.
func TestServeToldToStopAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out bytes.Buffer
	root := newRoot(&globalOptions{})
	root.SetArgs([]string{"serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0"})
	root.SetOut(&out)
	root.SetErr(&out)
	if err := root.ExecuteContext(ctx); err != nil || !strings.Contains(out.String(), "stopped while starting") {
		t.Errorf("serve = %v, want an end in order: %s", err, out.String())
	}
}
