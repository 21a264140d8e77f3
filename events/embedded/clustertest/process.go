package clustertest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/recall-ledger/recall-ledger/events/embedded"
)

const (
	// serverFile is set in the environment of a process that is a server.
	serverFile = "RECALL_CLUSTERTEST_SERVER"
	logFile    = "server.log"
)

// Main is called first in TestMain. In a process that was started as a server it
// serves until it is told to stop, and exits; in the test it returns at once.
func Main() {
	config := os.Getenv(serverFile)
	if config == "" {
		return
	}
	if err := serve(config); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(config string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	// The test holds the other end of standard input: its death ends the server
	// where the kernel does not see to that.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	return embedded.Serve(ctx, config, func(a embedded.Addresses) {
		// A failure means that nobody reads any more: the parent is gone.
		_ = json.NewEncoder(os.Stdout).Encode(a)
	})
}

// serverProcess is one server: its process while it runs, and what stays.
type serverProcess struct {
	name, dir, config string
	at                embedded.Addresses

	cmd    *exec.Cmd
	stdin  io.Closer
	exited chan struct{}
	// waited is what became of the process, once exited is closed.
	waited error
	paused bool
}

func (s *serverProcess) running() bool { return s.cmd != nil }

// start starts the process and waits until it takes connections.
func (s *serverProcess) start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), serverFile+"="+s.config)
	cmd.SysProcAttr = dieWithParent()
	cmd.Dir = s.dir
	report, err := os.OpenFile(filepath.Join(s.dir, logFile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer report.Close()
	cmd.Stderr = report
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	line, readErr := bufio.NewReader(out).ReadBytes('\n')
	s.cmd, s.stdin, s.exited, s.paused = cmd, in, make(chan struct{}), false
	exited := s.exited
	go func() {
		s.waited = cmd.Wait()
		close(exited)
	}()
	if readErr == nil {
		readErr = json.Unmarshal(line, &s.at)
	}
	if readErr != nil {
		s.end(syscall.SIGKILL)
		return fmt.Errorf("server %s did not start: %w\n%s", s.name, readErr, s.tail())
	}
	return nil
}

func (s *serverProcess) signal(sig syscall.Signal) error { return s.cmd.Process.Signal(sig) }

// end sends the signal and waits for the end of the process.
func (s *serverProcess) end(sig syscall.Signal) {
	// A process that has just died by itself is what was asked for.
	_ = s.signal(sig)
	if s.paused {
		_ = s.signal(syscall.SIGCONT)
	}
	<-s.exited
	_ = s.stdin.Close()
	s.cmd = nil
}

// tail returns the end of the server's log.
func (s *serverProcess) tail() string {
	const lines = 25
	b, err := os.ReadFile(filepath.Join(s.dir, logFile))
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
