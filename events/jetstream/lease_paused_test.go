package jetstream_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// pausedServer tells TestLeasePaused, run as another process, where the server is.
const pausedServer = "RECALL_TEST_LEASE_SERVER"

// act says whether an act is allowed, and a time before that was asked: one that
// is paused between the two is judged by when it goes on.
func act(p *player, lease string) (time.Time, bool) {
	at := time.Now()
	return at, p.Held(lease)
}

// TestLeasePaused: a process that is stopped for longer than its lease holds does
// nothing under it when it goes on.
func TestLeasePaused(t *testing.T) {
	if address := os.Getenv(pausedServer); address != "" {
		pausedProcess(t, address)
		return
	}
	s := newStage(t)
	b := s.node(jetstream.LeaseConfig{Node: "b"})
	child := exec.CommandContext(s.ctx, os.Args[0], "-test.run=^TestLeasePaused$", "-test.v=false")
	child.Env = append(os.Environ(), pausedServer+"="+s.srv.DeviceAddress())
	child.Stderr = os.Stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	acts := make(chan time.Time, 1)
	go func() {
		defer close(acts)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if nano, err := strconv.ParseInt(lines.Text(), 10, 64); err == nil {
				acts <- time.Unix(0, nano)
			}
		}
	}()
	<-acts
	b.hold("channel-fcm")
	paused := time.Now()
	if err := child.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	// What it had said before must not keep it from acting afterwards.
	taken := make(chan tenure, 1)
	go func() { taken <- s.next() }()
	var second tenure
	for second.node == "" {
		select {
		case <-acts:
		case second = <-taken:
		}
	}
	t.Logf("taken %s after the pause, TTL %s", second.at.Sub(paused), shortTTL)
	if err := child.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	// It ends its work when it sees that the lease is lost, and says so.
	late := 0
	for at := range acts {
		if at.UnixNano() == 0 {
			break
		}
		if at.After(second.at) {
			late++
		}
	}
	if late > 0 {
		t.Errorf("the paused process was allowed to act %d times after the other had begun", late)
	}
	if !b.Held("channel-fcm") {
		t.Error("b lost the lease to a process that was paused")
	}
	stdin.Close()
	for range acts {
	}
	if err := child.Wait(); err != nil {
		t.Errorf("the paused process: %v", err)
	}
}

// pausedProcess holds the lease and prints when it was allowed to act, 0 when its
// work was ended, until its standard input is closed.
func pausedProcess(t *testing.T, address string) {
	s := &stage{t: t, ctx: patience(t)}
	p := s.node(jetstream.LeaseConfig{Node: "paused", TTL: shortTTL, Conn: s.dial(address)})
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if err := p.Hold(ctx, "channel-fcm", func(ctx context.Context) error {
		for ctx.Err() == nil {
			if at, ok := act(p, "channel-fcm"); ok {
				fmt.Println(at.UnixNano())
			}
		}
		fmt.Println(0)
		return ctx.Err()
	}); err != nil {
		t.Error(err)
	}
}
