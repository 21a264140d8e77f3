package clients

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// product is the folder of the product's module.
const product = "../../.."

// The keys of the tests, all of one app but the last.
const (
	app      = "shop"
	keyID    = "testid"
	secret   = "testsecret"
	otherApp = "other"
	otherID  = "otherid"
)

// logFile is where the log of the node goes.
const logFile = "node.log"

// api is the address of the node that all tests talk to.
var api string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// run runs the tests against a node that starts before them and stops after.
func run(m *testing.M) (code int, err error) {
	// A proxy is for the world outside, but not every client spares loopback.
	for _, name := range []string{"HTTP_PROXY", "http_proxy"} {
		if err := os.Unsetenv(name); err != nil {
			return 1, err
		}
	}
	dir, err := os.MkdirTemp("", "recall-clients")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// The log stays beside the tests, for looking at it when one failed.
	file, err := os.Create(logFile)
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	n, err := startNode(dir, file)
	if err != nil {
		return 1, err
	}
	defer func() {
		if stopped := n.stop(); stopped != nil {
			err = errors.Join(err, fmt.Errorf("the node ended with %w, see %s", stopped, logFile))
		}
	}()
	api = n.api
	for id, owner := range map[string]string{keyID: app, otherID: otherApp} {
		if err := enterKey(owner, "mpaas", id, secret); err != nil {
			return 1, err
		}
	}
	return m.Run(), nil
}

// node is a running node.
type node struct {
	api string
	cmd *exec.Cmd
	// read is closed when the node's log has ended.
	read chan struct{}
}

// startNode builds the product and starts it on a port the system chooses.
func startNode(dir string, log io.Writer) (*node, error) {
	binary := filepath.Join(dir, "recall")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "./cmd/recall")
	build.Dir = product
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the product: %w\n%s", err, out)
	}
	n := &node{read: make(chan struct{})}
	n.cmd = exec.Command(binary, "serve", "--listen", "127.0.0.1:0", "--log-format", "json")
	n.cmd.Env = environ("RECALL_DATA=" + filepath.Join(dir, "data"))
	stderr, err := n.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	serving := make(chan string, 1)
	go n.follow(stderr, log, serving)
	select {
	case n.api = <-serving:
	case <-n.read:
		return nil, fmt.Errorf("the node does not start, see %s: %w", logFile, n.cmd.Wait())
	case <-time.After(time.Minute):
		return nil, errors.Join(fmt.Errorf("the node did not start within a minute, see %s", logFile), n.stop())
	}
	ready := exec.Command(binary, "ready", "--wait", "30s", "--api", n.api)
	ready.Env = environ()
	if out, err := ready.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("the node is not ready: %w\n%s", err, out), n.stop())
	}
	return n, nil
}

// environ is the environment without settings of the product, and with those given.
func environ(settings ...string) []string {
	var list []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "RECALL_") {
			list = append(list, e)
		}
	}
	return append(list, settings...)
}

// follow copies the node's log, and takes its address out of it.
func (n *node) follow(r io.Reader, log io.Writer, serving chan<- string) {
	defer close(n.read)
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if _, lost := log.Write(line); lost != nil || err != nil {
			return
		}
		var record struct{ Msg, API string }
		if json.Unmarshal(line, &record) == nil && record.Msg == "serving" {
			serving <- record.API
		}
	}
}

// stop ends the node in order.
func (n *node) stop() error {
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	kill := time.AfterFunc(2*time.Minute, func() { _ = n.cmd.Process.Kill() })
	defer kill.Stop()
	<-n.read
	return n.cmd.Wait()
}

// unique makes an id that no other test uses, however often tests are repeated.
func unique(name string) string { return name + "-" + rand.Text() }

// problem is what the native API says when it refuses.
type problem struct {
	Code   string
	Detail string
	First  struct{ Recall, Action string }
}

// call asks the native API for an app. It returns the status, and decodes the
// answer into v.
func call(owner, method, path, contentType, body string, v any) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, api+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Recall-App", owner)
	r.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return 0, fmt.Errorf("%s %s: %s %q: %w", method, path, resp.Status, b, err)
	}
	return resp.StatusCode, nil
}

// enterKey registers a vendor's key for an app.
func enterKey(owner, facade, id, key string) error {
	body, err := json.Marshal(map[string]string{"secret": key})
	if err != nil {
		return err
	}
	var p problem
	status, err := call(owner, http.MethodPut, "/v1/facades/"+facade+"/"+id, "application/json", string(body), &p)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("enter the key %s of %s: %d %+v", id, facade, status, p)
	}
	return err
}
