package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/projections"
)

// What a watch waits for.
const (
	untilSettled = "settled"
	untilClosed  = "closed"
)

func newWatchCommand(o *globalOptions) *cobra.Command {
	var until string
	c := &cobra.Command{
		Use:   "watch ID",
		Short: "Follow a recall",
		Long: `Follow a recall: a table that is kept up to date on a terminal, a line for every
change elsewhere. A recall is settled once every command has its outcome; it
stays open for late arrivals until it is closed: completed, when its window
ends, or aborted.

Exit codes: 0 all done, 7 done but for what was refused or came too late,
8 aborted, 124 not done within --timeout. The recall goes on whoever watches.`,
		Example: `  recall watch ID
  recall watch ID --until closed
  recall watch ID --timeout 5m -o ndjson | jq .percent`,
		Args: arguments("ID"),
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if until != untilSettled && until != untilClosed {
			return usagef("--until %q is neither settled nor closed", until)
		}
		client, err := o.client()
		if err != nil {
			return err
		}
		return o.watch(cmd, client, args[0], until)
	}
	c.Flags().StringVar(&until, "until", untilSettled, "what to wait for: settled or closed")
	complete(c, "until", untilSettled, untilClosed)
	return c
}

// watch follows a recall and turns its end into the command's.
func (o *globalOptions) watch(cmd *cobra.Command, client *api.Client, id, until string) error {
	ctx := cmd.Context()
	if o.timeoutSet {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	w := &watcher{p: o.printer(cmd)}
	w.live = o.showProgress(w.p.out) && isTerminal(w.p.out) && os.Getenv("TERM") != "dumb"
	err := keepWatching(ctx, func() error { return client.Watch(ctx, id, until, w.show) }, time.After)
	switch {
	case err == nil:
		return w.end()
	case errors.Is(err, context.DeadlineExceeded):
		return exitf(exitTimeout, "not %s within %s%s; the recall goes on", until, o.timeout, w.soFar())
	case errors.Is(err, context.Canceled):
		return exitf(exitInterrupted, "not watching any more%s; the recall goes on", w.soFar())
	}
	return err
}

// watchAttempts is how often in a row a watch may break off without news.
const watchAttempts = 10

// keepWatching watches again when the connection breaks off: a node that is
// restarted does not end a watch. What never connected is not tried again.
func keepWatching(ctx context.Context, watch func() error, after func(time.Duration) <-chan time.Time) error {
	connected := false
	for failed := 0; ; failed++ {
		err := watch()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case errors.Is(err, api.ErrWatchEnded):
			connected, failed = true, 0
		case connected && failed < watchAttempts && passing(err):
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-after(time.Second):
		}
	}
}

// passing reports an error that a node which is restarted causes.
func passing(err error) bool {
	var lost *url.Error
	var p *api.Problem
	if errors.As(err, &p) {
		return p.Status == http.StatusBadGateway || p.Status == http.StatusServiceUnavailable
	}
	return errors.As(err, &lost)
}

// watcher shows a recall as it changes.
type watcher struct {
	p    *printer
	live bool
	last *projections.Recall
	line string
	// drawn is how many lines of the screen the last picture took.
	drawn int
}

func (w *watcher) show(r projections.Recall) error {
	w.last = &r
	switch {
	case w.p.format == formatJSON, w.p.format == formatNDJSON:
		return w.p.line(r)
	case w.live:
		return w.draw(&r)
	}
	// The first line of a watch that was begun again says nothing new.
	line := fmt.Sprintf("%s %s", standing(&r), progressText(&r))
	if line == w.line {
		return nil
	}
	w.line = line
	return w.p.say("%s  %s", instant(time.Now()), line)
}

// draw puts the recall in the place of the picture before.
func (w *watcher) draw(r *projections.Recall) error {
	var b bytes.Buffer
	q := *w.p
	q.out = &b
	if err := q.recall(r, time.Now()); err != nil {
		return err
	}
	text := fitted(b.String(), w.p.out)
	if w.drawn > 0 {
		text = fmt.Sprintf("\x1b[%dA\x1b[J", w.drawn) + text
	}
	w.drawn = strings.Count(text, "\n")
	_, err := io.WriteString(w.p.out, text)
	return err
}

// fitted cuts a picture to the height of the screen, as what has scrolled away
// cannot be redrawn, and its lines to the width, as a line that wraps takes two.
func fitted(picture string, out io.Writer) string {
	f, ok := out.(interface{ Fd() uintptr })
	if !ok {
		return picture
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 || height <= 1 {
		return picture
	}
	lines := strings.SplitAfter(picture, "\n")
	if len(lines) > height {
		lines = lines[:height-1]
	}
	for i, line := range lines {
		if !strings.Contains(line, "\x1b") {
			lines[i] = cut(strings.TrimSuffix(line, "\n"), width) + strings.Repeat("\n", strings.Count(line, "\n"))
		}
	}
	return strings.Join(lines, "")
}

func (w *watcher) soFar() string {
	if w.last == nil {
		return ""
	}
	return ", now at " + progressText(w.last)
}

// end says by the exit code how the recall ended.
func (w *watcher) end() error {
	r := w.last
	switch t := r.Total; {
	case r.State == ledger.Aborted:
		return exitf(exitAborted, "recall %s was aborted", r.Recall)
	case t.Refused > 0:
		return exitf(exitPartial, "%s refused; see recall devices %s --outcome refused, and try again with recall redrive %s",
			plural(t.Refused, "notification was", "notifications were"), r.Recall, r.Recall)
	case t.Expired > 0:
		return exitf(exitPartial, "the window closed before %s taken back", plural(t.Expired, "notification was", "notifications were"))
	}
	return nil
}

// isRefusedConnection reports that nothing was sent at all.
func isRefusedConnection(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
