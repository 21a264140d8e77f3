package main

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/recall-ledger/recall-ledger/events/embedded/clustertest"
)

// TestMain lets the test binary stand in for recall: scripts run it in a
// process of its own, as a user would.
func TestMain(m *testing.M) {
	// Times are printed in the machine's zone. It is set before it is first
	// read: the NATS server reads files, and with them times, from its init on.
	if err := os.Setenv("TZ", "UTC"); err != nil {
		panic(err)
	}
	clustertest.Main()
	testscript.Main(m, map[string]func(){"recall": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, scripts(testscript.Params{Dir: "testdata/script"}, nil))
}

// TestClusterScripts runs the scripts for which the log is not in a node's folder,
// each with NATS servers of its own, which its nodes can ask whether they sync.
func TestClusterScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/cluster/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			k := clustertest.Start(t, clustertest.Config{Servers: 1})
			testscript.Run(t, scripts(testscript.Params{Files: []string{f}}, func(e *testscript.Env) {
				e.Setenv("NATS", k.URL(0))
				e.Setenv("RECALL_NATS_MONITORS", k.Monitor(0))
				// A folder counts only where a script names it.
				e.Setenv("RECALL_DATA", "")
			}))
		})
	}
}

// scripts are the parameters that all scripts have in common. more adds to the
// environment.
func scripts(p testscript.Params, more func(*testscript.Env)) testscript.Params {
	p.RequireExplicitExec, p.RequireUniqueNames = true, true
	p.Setup = func(e *testscript.Env) error {
		address, err := freeAddress()
		if err != nil {
			return err
		}
		e.Setenv("ADDRESS", address)
		e.Setenv("RECALL_HTTP_LISTEN", address)
		e.Setenv("RECALL_API", "http://"+address)
		e.Setenv("RECALL_DATA", e.WorkDir+"/data")
		e.Setenv("TZ", "UTC")
		// Built with the race detector, every process would wait a second
		// when it ends.
		e.Setenv("GORACE", "atexit_sleep_ms=0")
		if more != nil {
			more(e)
		}
		return nil
	}
	p.Cmds = map[string]func(*testscript.TestScript, bool, []string){
		"code": exitCode, "capture": capture, "interrupted": interrupted, "terminate": terminate,
		"envfile": envFile,
	}
	return p
}

// freeAddress returns an address for a node. It is outside the range from which
// the system takes the ports of clients, so that none of them gets in between.
func freeAddress() (string, error) {
	for range 100 {
		address := "127.0.0.1:" + strconv.Itoa(20000+rand.IntN(12000))
		l, err := net.Listen("tcp", address)
		if err == nil {
			return address, l.Close()
		}
	}
	return "", errors.New("no free port was found")
}

// exitCode is "code N command args...": the command must end with that code.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("%s ended with code %d, expected %d\n%s%s", strings.Join(args[1:], " "), got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// capture is "capture NAME REGEXP": the first group in the last standard output
// becomes a variable.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME REGEXP")
	}
	m := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(m) < 2 {
		ts.Fatalf("%s matches nothing in the output", args[1])
	}
	ts.Setenv(args[0], m[1])
}

// interrupted is "interrupted FILE LINES": it leaves what a publish that was
// killed after that many lines leaves.
func interrupted(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: interrupted FILE LINES")
	}
	path := ts.MkAbs(args[0])
	f, err := os.Open(path)
	ts.Check(err)
	defer f.Close()
	o := &globalOptions{api: ts.Getenv("RECALL_API")}
	s, err := newProgress(f, o.target())
	ts.Check(err)
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	for _, line := range strings.SplitAfter(ts.ReadFile(args[0]), "\n")[:n] {
		s.Offset += int64(len(line))
	}
	s.Line, s.Accepted = n, n
	ts.Check(s.write(path + progressSuffix))
}

// envFile is "envfile FILE": variables in the file become their values.
func envFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: envfile FILE")
	}
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// terminate is "terminate DATA": the node on that folder gets a SIGTERM, which
// the kill of scripts does not know. Its process id is in the lock.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: terminate DATA")
	}
	pid, err := strconv.Atoi(strings.TrimSpace(ts.ReadFile(args[0] + "/lock")))
	ts.Check(err)
	ts.Check(syscall.Kill(pid, syscall.SIGTERM))
}

// A node that waits for a request to end is stopped at once by a second signal.
func TestSecondSignal(t *testing.T) {
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "serve", "--listen", address, "--data", t.TempDir())
	cmd.Args[0] = "recall"
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	lines := bufio.NewScanner(stderr)
	until := func(text string) {
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return
			}
		}
		t.Fatalf("the node ended before it said %q", text)
	}
	until("access")
	conn := halfRequest(t, address)
	defer conn.Close()
	signalTo(t, cmd.Process)
	until("a second signal stops at once")
	signalTo(t, cmd.Process)
	for lines.Scan() {
		t.Log(lines.Text())
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Fatalf("the node ended with %v, expected it to be stopped by the signal", err)
	}
	if s := exit.Sys().(syscall.WaitStatus); !s.Signaled() || s.Signal() != syscall.SIGTERM {
		t.Errorf("the node ended with %v, expected it to be stopped by the signal", exit)
	}
}

func signalTo(t *testing.T, p *os.Process) {
	t.Helper()
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// halfRequest leaves a request under way: its handler waits for the body.
func halfRequest(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /v1/events HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-ndjson\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n", address)
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("the node answered %q, %v", line, err)
	}
	return conn
}
