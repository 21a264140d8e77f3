package demo

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// killed is a run of a demo in a process of its own.
type killed struct {
	out string
	// code is the exit code, -1 when it was killed.
	code int
}

// runChild starts the demo, and kills it a while after a line that begins with
// the mark was printed; without a mark it runs to its end.
func runChild(t *testing.T, dir, mark string, after time.Duration, args ...string) killed {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, append([]string{"--data", dir}, args...)...)
	cmd.Env = append(os.Environ(), childEnv+"=1")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	kill := time.NewTimer(time.Hour)
	defer kill.Stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s := bufio.NewScanner(io.TeeReader(out, &said))
		for s.Scan() {
			if mark != "" && strings.HasPrefix(s.Text(), mark) {
				kill.Reset(after)
			}
		}
	}()
	select {
	case <-done:
	case <-kill.C:
		// SIGKILL: nothing of the process gets a word in.
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-done
	}
	err = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code > 0 {
		t.Fatalf("the demo ended with %d: %v\n%s\n%s", code, err, said.String(), errs.String())
	}
	return killed{said.String(), cmd.ProcessState.ExitCode()}
}

// rounds makes the crash test a long one: other seeds, other moments.
var rounds = flag.Int("demo.rounds", 1, "how many rounds of crashes")

// moment is when a demo is killed: at random within a time after a line.
type moment struct {
	mark   string
	within time.Duration
}

// The moments before, while and after the recall is asked for.
var (
	whileStarting = moment{"A ledger", 50 * time.Millisecond}
	whileSending  = moment{"1. A push", 60 * time.Millisecond}
	whileAsking   = moment{"3. The price", 12 * time.Millisecond}
	whileRecalled = moment{"4. Recall", 400 * time.Millisecond}
	whileSettling = moment{"4. Recall", 1200 * time.Millisecond}
)

// TestKilledDemoEndsExact kills demos at random moments and lets them go on: the
// account at the end is exact however often that happened. A demo that came to
// its end before it was killed is followed by a new one.
func TestKilledDemoEndsExact(t *testing.T) {
	const seed, kills = 20261120, 5
	for name, moments := range map[string][]moment{
		"recalled": {whileRecalled, whileRecalled, whileRecalled, whileSettling, whileSettling},
		"asking":   {whileAsking, whileRecalled, whileAsking, whileRecalled, whileSettling},
		"sending":  {whileStarting, whileSending, whileSending, whileAsking, whileSettling},
		// Over several partitions.
		"partitions": {whileSending, whileAsking, whileRecalled, whileAsking, whileSettling},
	} {
		for round := range *rounds {
			t.Run(fmt.Sprintf("%s/%d", name, round), func(t *testing.T) {
				t.Parallel()
				partitions := 1
				if name == "partitions" {
					partitions = 3
				}
				crash(t, partitions, kills, moments, seed+uint64(round), rand.New(rand.NewPCG(seed+uint64(round), uint64(name[0]))))
			})
		}
	}
}

// crash plays demos until they were killed often enough, each to its end.
func crash(t *testing.T, partitions, kills int, moments []moment, seed uint64, chance *rand.Rand) {
	t.Helper()
	for count, demo := 0, uint64(0); count < kills; demo++ {
		dir := filepath.Join(t.TempDir(), "demo")
		args := []string{"--devices", "3000", "--seed", fmt.Sprint(100*seed + demo), "--partitions", fmt.Sprint(partitions)}
		r := killed{code: -1}
		for r.code != 0 {
			if count < kills {
				m := moments[count]
				r = runChild(t, dir, m.mark, time.Duration(chance.Int64N(int64(m.within))), args...)
			} else {
				r = runChild(t, dir, "", 0, args...)
			}
			if r.code != 0 {
				count++
			}
		}
		if !strings.HasSuffix(r.out, "\naccount: exact\n") {
			t.Errorf("after %d kills demo %d ended with:\n%s", count, demo, r.out)
		}
	}
}
