package node

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events/embedded/clustertest"
	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// The tests that kill a node run it as a child process: this test binary,
// started again with childDir set. What the child's vendors were called for is
// written to a file before the call takes effect: the outside record.
const (
	childDir = "RECALL_NODE_CHILD_DIR"
	callFile = "calls.ndjson"
	addrFile = "address"
)

func TestMain(m *testing.M) {
	clustertest.Main()
	if config := os.Getenv(childMember); config != "" {
		if err := serveMember(config); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child runs a node until it is told to stop or killed.
func child(dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	calls, err := os.OpenFile(filepath.Join(dir, callFile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer calls.Close()
	vendor := &recorder{file: calls}
	c := Default()
	c.Data = filepath.Join(dir, "data")
	c.HTTP.Listen = "127.0.0.1:0"
	c.Emitters = map[string]channels.Emitter{"fcm": vendor, "huawei": vendor, "huawei-emui9": vendor}
	c.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	n, err := Start(ctx, c)
	if err != nil {
		return err
	}
	// The parent may read the address as soon as the name is there.
	name := filepath.Join(dir, addrFile)
	if err := os.WriteFile(name+".new", []byte(n.Address()), 0o600); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	return n.Run(ctx)
}

// recorder is a vendor that accepts everything and whose memory outlives the
// node: one line per call, written in one piece before the call is answered.
type recorder struct {
	mu   sync.Mutex
	file *os.File
}

// vendorCall is a line of the record.
type vendorCall struct {
	At      time.Time `json:"at"`
	Channel string    `json:"channel"`
	Recall  string    `json:"recall"`
	Forced  bool      `json:"forced,omitempty"`
	Devices []string  `json:"devices"`
}

func (r *recorder) Emit(_ context.Context, c channels.Command) (channels.Reply, error) {
	line, err := json.Marshal(vendorCall{At: time.Now(), Channel: c.Channel, Recall: c.Recall, Forced: c.Forced, Devices: c.Devices})
	if err != nil {
		return channels.Reply{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	// The line break comes first: a kill in the middle of the write leaves a
	// torn line, which must not run into the next one.
	if _, err := r.file.Write(append([]byte{'\n'}, line...)); err != nil {
		return channels.Reply{}, err
	}
	return channels.All(c, channels.Accepted, ""), nil
}

// process is a running child.
type process struct {
	t      *testing.T
	dir    string
	cmd    *exec.Cmd
	client *api.Client
	exited chan error
}

// startChild starts a node on dir and waits until it serves.
func startChild(t *testing.T, dir string) *process {
	t.Helper()
	name := filepath.Join(dir, addrFile)
	if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	p := &process{t: t, dir: dir, exited: make(chan error, 1)}
	p.cmd = exec.Command(os.Args[0], "-test.run=^$")
	p.cmd.Env = append(os.Environ(), childDir+"="+dir)
	p.cmd.Stderr = os.Stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.exited <- p.cmd.Wait() }()
	t.Cleanup(func() { p.cmd.Process.Kill() })
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		if b, err := os.ReadFile(name); err == nil {
			if p.client, err = api.NewClient(api.ClientConfig{URL: "http://" + string(b), App: "shop"}); err != nil {
				t.Fatal(err)
			}
			return p
		}
		select {
		case err := <-p.exited:
			t.Fatalf("the node ended at its start: %v", err)
		case <-deadline.C:
			t.Fatal("the node does not serve after a minute")
		case <-poll.C:
		}
	}
}

// kill ends the child with SIGKILL.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	<-p.exited
}

// stop ends the child with SIGTERM and requires exit code 0.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	if err := <-p.exited; err != nil {
		p.t.Fatalf("the node did not stop gracefully: %v", err)
	}
}
