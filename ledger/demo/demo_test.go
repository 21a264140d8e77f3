package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// output gathers what a demo says, and tells when it said something.
type output struct {
	mu    sync.Mutex
	b     strings.Builder
	heard func(text string)
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.b.Write(b)
	if o.heard != nil {
		o.heard(string(b))
	}
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func tryConfig(o *output) Config {
	return Config{
		Devices: 1000, Phones: phonesMin, Seed: 3, After: 300 * time.Millisecond,
		Out: o, Clock: time.Now, Wait: pass,
	}
}

// TestDemo plays a whole demo: the account is exact, every part of the story is
// told, and nothing is left behind.
func TestDemo(t *testing.T) {
	o := &output{}
	t.Setenv("TMPDIR", t.TempDir())
	if err := Run(t.Context(), tryConfig(o)); err != nil {
		t.Fatalf("%v\n%s", err, o)
	}
	for _, want := range []string{
		`A ledger is running at http://127\.0\.0\.1:\d+`, `seed 3\.`, `(?m)^1\. A push goes out`, `on disk in .* a second`,
		`certain +possible +clicked, left alone +unreachable`, `409 already-recalled`, `90050`, `1015055`,
		`phone-3 never shows it`, `outcome\.confirmed`, `none twice`, `(?m)^account: exact$`,
	} {
		if !regexp.MustCompile(want).MatchString(o.String()) {
			t.Errorf("the demo did not say %q", want)
		}
	}
	for l := range strings.Lines(o.String()) {
		if n := len([]rune(strings.TrimSuffix(l, "\n"))); n > 100 {
			t.Errorf("a line has %d columns: %s", n, l)
		}
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("%v were left behind (%v)", left, err)
	}
	if t.Failed() {
		t.Log(o.String())
	}
}

// TestPartitions plays a demo over several partitions: the account is exact there
// too, and the pushes of the other partitions are left alone.
func TestPartitions(t *testing.T) {
	o := &output{}
	c := tryConfig(o)
	c.Dir, c.Partitions = t.TempDir(), 3
	if err := Run(t.Context(), c); err != nil {
		t.Fatalf("%v\n%s", err, o)
	}
	home := events.PartitionOf(appName, pushName, c.Partitions)
	for _, want := range []string{
		fmt.Sprintf(`The log has 3 partitions; the push goes into partition %d`, home), fmt.Sprintf(`accepted at position %d-\d+`, home),
		`The pushes in the other partitions have no recall`, `(?m)^account: exact$`,
	} {
		if !regexp.MustCompile(want).MatchString(o.String()) {
			t.Errorf("the demo did not say %q", want)
		}
	}
	c.Partitions = 2
	if err := Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "--partitions 3;") {
		t.Errorf("a demo of 3 partitions was run with 2: %v", err)
	}
	if t.Failed() {
		t.Log(o.String())
	}
}

// TestKeep checks that a finished demo can be looked at, and only looked at, and
// that ending it is no failure.
func TestKeep(t *testing.T) {
	o := &output{}
	c := tryConfig(o)
	c.Dir = t.TempDir()
	if err := Run(t.Context(), c); err != nil {
		t.Fatalf("%v\n%s", err, o)
	}
	before := len(o.String())
	if err := Run(t.Context(), c); err != nil || !strings.Contains(o.String()[before:], "--keep") || !strings.HasSuffix(o.String(), "\naccount: exact\n") {
		t.Errorf("a finished demo was run again: %v\n%s", err, o.String()[before:])
	}
	other := c
	other.Seed++
	if err := Run(t.Context(), other); err == nil || !strings.Contains(err.Error(), "--seed 3") {
		t.Errorf("a demo was run in another's folder: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	o.heard = func(text string) {
		if strings.Contains(text, "curl") {
			cancel()
		}
	}
	c.Keep = true
	if err := Run(ctx, c); err != nil {
		t.Errorf("a kept demo ended with %v", err)
	}
	if !strings.Contains(o.String(), "export RECALL_API=http://127.0.0.1:") {
		t.Error("the demo did not say how to look around")
	}
}

// TestInterrupted checks that a demo stops in order when it is interrupted, and
// goes on in its folder.
func TestInterrupted(t *testing.T) {
	o := &output{}
	c := tryConfig(o)
	c.Dir = t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	o.heard = func(text string) {
		if strings.HasPrefix(text, "4. Recall") {
			cancel()
		}
	}
	if err := Run(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("the interrupted demo ended with %v", err)
	}
	o.heard = nil
	if err := Run(t.Context(), c); err != nil {
		t.Errorf("%v\n%s", err, o)
	}
}

func TestValidate(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"too few devices":     func(c *Config) { c.Devices = DevicesMin - 1 },
		"too many devices":    func(c *Config) { c.Devices = DevicesMax + 1 },
		"too few phones":      func(c *Config) { c.Phones = PhonesMin - 1 },
		"too many phones":     func(c *Config) { c.Phones = PhonesMax + 1 },
		"too few partitions":  func(c *Config) { c.Partitions = -1 },
		"too many partitions": func(c *Config) { c.Partitions = PartitionsMax + 1 },
		"no clock":            func(c *Config) { c.Clock = nil },
		"no width":            func(c *Config) { c.Terminal = true },
		"somebody's ledger":   func(c *Config) { c.Dir = t.TempDir(); mkdir(t, c.Dir+"/projection") },
		"a damaged state":     func(c *Config) { c.Dir = t.TempDir(); write(t, c.Dir+"/"+fileState, "{") },
		"a damaged journal":   func(c *Config) { c.Dir = t.TempDir(); write(t, c.Dir+"/"+fileCalls, "\x02\x00\x00\x00\x07\x07") },
		"damaged receipts":    func(c *Config) { c.Dir = t.TempDir(); write(t, c.Dir+"/"+fileReceipts, "\x01\x00\x00\x00\x07") },
		"a folder on a file":  func(c *Config) { c.Dir = t.TempDir() + "/f"; write(t, c.Dir, "") },
	} {
		c := tryConfig(&output{})
		change(&c)
		if err := Run(t.Context(), c); err == nil {
			t.Errorf("%s: the demo ran", name)
		}
	}
}

func mkdir(t *testing.T, name string) {
	t.Helper()
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
