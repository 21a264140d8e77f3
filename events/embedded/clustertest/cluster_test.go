package clustertest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/recall-ledger/recall-ledger/events/embedded/clustertest"
)

func TestMain(m *testing.M) {
	clustertest.Main()
	goleak.VerifyTestMain(m)
}

func connect(t *testing.T, url string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// publish publishes until the stream takes it; it returns how long that took.
func publish(t *testing.T, api js.JetStream, data string) time.Duration {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), clustertest.Patience)
	defer cancel()
	for {
		once, stop := context.WithTimeout(ctx, time.Second)
		_, err := api.Publish(once, "x", []byte(data), js.WithRetryAttempts(0))
		stop()
		if err == nil {
			return time.Since(began)
		}
		if ctx.Err() != nil {
			t.Fatalf("publish %s: %v", data, err)
		}
	}
}

func TestCluster(t *testing.T) {
	began := time.Now()
	c := clustertest.Start(t, clustertest.Config{})
	t.Logf("whole after %s", time.Since(began))
	nc := connect(t, strings.Join(c.URLs(), ","))
	api, err := js.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), clustertest.Patience)
	defer cancel()
	if _, err := api.CreateStream(ctx, js.StreamConfig{Name: "S", Subjects: []string{"x"}, Replicas: 3}); err != nil {
		t.Fatal(err)
	}
	publish(t, api, "first")
	c.WaitCurrent("S")
	for _, fault := range []struct {
		name         string
		hurt, repair func(int)
	}{
		{"Kill", c.Kill, c.Restart},
		{"Pause", c.Pause, c.Resume},
		{"Cut", c.Cut, c.Heal},
		{"Stop", c.Stop, c.Restart},
	} {
		leader := c.Leader("S")
		fault.hurt(leader)
		began := time.Now()
		next := c.LeaderAfter("S", leader)
		took := time.Since(began)
		other := connect(t, c.URL(next))
		a, err := js.New(other)
		if err != nil {
			t.Fatal(err)
		}
		publish(t, a, fault.name)
		t.Logf("%s: %s took over from %s after %s, next stored message after %s", fault.name, c.Name(next), c.Name(leader), took, time.Since(began))
		fault.repair(leader)
		c.WaitWhole()
		c.WaitCurrent("S")
	}
	st, err := c.Ask(c.Leader("S"))
	if err != nil || st.Stream("S").State.Messages < 5 {
		t.Errorf("the stream holds %+v, %v, want what was published", st.Stream("S"), err)
	}
}

// TestCut: what a cut server is sent waits in silence and arrives afterwards.
func TestCut(t *testing.T) {
	c := clustertest.Start(t, clustertest.Config{Servers: 1})
	nc := connect(t, c.URL(0))
	sub, err := nc.SubscribeSync("x")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	c.Cut(0)
	if err := nc.Publish("x", []byte("late")); err != nil {
		t.Fatal(err)
	}
	if err := nc.FlushTimeout(200 * time.Millisecond); !errors.Is(err, nats.ErrTimeout) {
		t.Errorf("Flush over a link that is cut = %v, want a time-out", err)
	}
	if !nc.IsConnected() {
		t.Error("the client noticed the cut")
	}
	c.Heal(0)
	if m, err := sub.NextMsg(clustertest.Patience); err != nil || string(m.Data) != "late" {
		t.Errorf("after the cut came %v, %v", m, err)
	}
}

// TestNothingSurvives: the processes are gone when the test is over, a paused
// one as well.
func TestNothingSurvives(t *testing.T) {
	var pids []int
	t.Run("cluster", func(t *testing.T) {
		c := clustertest.Start(t, clustertest.Config{Servers: 1})
		pids = append(pids, c.PID(0))
		c.Pause(0)
	})
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d = %v, want that it is gone", pid, err)
		}
	}
}

// parentOf is set in the process that TestParentDies kills.
const parentOf = "RECALL_CLUSTERTEST_PARENT"

// TestParentDies: servers, a paused one as well, die with the test's process.
func TestParentDies(t *testing.T) {
	if os.Getenv(parentOf) != "" {
		c := clustertest.Start(t, clustertest.Config{Servers: 1})
		c.Pause(0)
		fmt.Println(parentOf, c.Monitor(0))
		select {}
	}
	ctx, cancel := context.WithTimeout(t.Context(), clustertest.Patience)
	defer cancel()
	parent := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestParentDies$")
	parent.Env = append(os.Environ(), parentOf+"=1", "TMPDIR="+t.TempDir())
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	address := ""
	for lines := bufio.NewScanner(out); address == "" && lines.Scan(); {
		if at, ok := strings.CutPrefix(lines.Text(), parentOf+" http://"); ok {
			address = at
		}
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	if address == "" {
		t.Fatal("the process did not start a server")
	}
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		nc, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		nc.Close()
		select {
		case <-ctx.Done():
			t.Fatal("the server outlived its parent")
		case <-poll.C:
		}
	}
}

// TestBadConfiguration: a server that does not start says why.
func TestBadConfiguration(t *testing.T) {
	for name, config := range map[string]clustertest.Config{
		"unknown": {Servers: 1, More: "no_such_setting: 1"},
		"account": {Servers: 1, Accounts: "system_account: NOBODY"},
	} {
		failed := &recorder{TB: t, dir: t.TempDir()}
		func() {
			defer func() {
				if r := recover(); r != nil && r != failed {
					panic(r)
				}
			}()
			clustertest.Start(failed, config)
		}()
		failed.end()
		if !strings.Contains(failed.text, "did not start") {
			t.Errorf("%s: Start said %q", name, failed.text)
		}
		t.Log(failed.text)
	}
}

// recorder is a test that fails without failing the one around it.
type recorder struct {
	testing.TB
	dir     string
	text    string
	cleanup []func()
}

func (r *recorder) Fatal(a ...any)      { r.text = fmt.Sprint(a...); panic(r) }
func (r *recorder) Failed() bool        { return false }
func (r *recorder) TempDir() string     { return r.dir }
func (r *recorder) Cleanup(f func())    { r.cleanup = append(r.cleanup, f) }
func (r *recorder) Helper()             {}
func (r *recorder) Logf(string, ...any) {}
func (r *recorder) end() {
	for _, f := range r.cleanup {
		f()
	}
}
