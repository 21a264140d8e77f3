package demo

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"testing"
	"time"
)

// childEnv makes the test binary a demo instead of a test: what the crash test
// kills.
const childEnv = "RECALL_DEMO_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(child(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// child is recall demo without the command around it.
func child(args []string) int {
	f := flag.NewFlagSet("demo", flag.ContinueOnError)
	c := Config{Out: os.Stdout, Clock: time.Now, Wait: pass}
	f.IntVar(&c.Devices, "devices", 3000, "")
	f.IntVar(&c.Phones, "real-devices", 5, "")
	f.IntVar(&c.Partitions, "partitions", 0, "")
	f.Uint64Var(&c.Seed, "seed", 1, "")
	f.StringVar(&c.Dir, "data", "", "")
	f.DurationVar(&c.After, "after", 0, "")
	f.BoolVar(&c.Terminal, "terminal", false, "")
	f.BoolVar(&c.Keep, "keep", false, "")
	verbose := f.Bool("v", false, "")
	if err := f.Parse(args); err != nil {
		return 2
	}
	c.Width = func() int { return 100 }
	if *verbose {
		c.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := Run(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		return 1
	}
	return 0
}

// pass waits.
func pass(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
