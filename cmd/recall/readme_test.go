package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestReadme types the README's session as a reader would and compares what is
// printed with what the README shows, but for ids, times and durations.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	input, session := block(t, string(text), "json"), block(t, string(text), "console")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "events.ndjson"), []byte(input), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "recall"), ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	sh := func(command string) *exec.Cmd {
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "RECALL_HTTP_LISTEN="+address, "RECALL_API=http://"+address, "TZ=UTC")
		return cmd
	}
	serve := sh("exec recall serve")
	var told bytes.Buffer
	serve.Stderr = &told
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := serve.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := serve.Wait(); err != nil {
			t.Errorf("recall serve: %v\n%s", err, told.String())
		}
	}()
	if out, err := sh("recall ready --wait 30s").CombinedOutput(); err != nil {
		t.Fatalf("recall ready: %v\n%s", err, out)
	}
	example, err := filepath.Abs("../../deploy/recall.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := sh("recall serve --check --data ./other --listen 127.0.0.1:0 --config " + example).CombinedOutput(); err != nil {
		t.Errorf("the example configuration: %v\n%s", err, out)
	}
	for _, step := range steps(session) {
		out, err := sh(step.command).CombinedOutput()
		var exited *exec.ExitError
		if err != nil && !errors.As(err, &exited) {
			t.Fatalf("%s: %v", step.command, err)
		}
		if got, want := steady(string(out)), steady(step.output); got != want {
			t.Errorf("$ %s\ngot:\n%s\nthe README shows:\n%s", step.command, got, want)
		}
	}
}

// block returns the first fenced block of a language.
func block(t *testing.T, text, language string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "```"+language+"\n")
	body, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatalf("the README has no %s block", language)
	}
	return body
}

type step struct{ command, output string }

func steps(session string) []step {
	var list []step
	for line := range strings.Lines(session) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			list = append(list, step{command: strings.TrimSpace(command)})
			continue
		}
		list[len(list)-1].output += line
	}
	return list
}

// steady takes out what differs from run to run.
func steady(s string) string {
	for _, r := range []struct{ pattern, with string }{
		{`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`, "ID"},
		{`\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)`, "TIME"},
		{`in [0-9.]+(µs|ms|s)`, "in DURATION"},
		// How many looks at a running recall there are depends on the machine.
		{`(?m)^TIME  running .*\n`, ""},
	} {
		s = regexp.MustCompile(r.pattern).ReplaceAllString(s, r.with)
	}
	return strings.TrimSpace(s)
}
