package main

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
	"github.com/spf13/cobra"
)

// progressLinesEvery is how often a line says how far a long publish is, where
// there is no terminal.
const progressLinesEvery = 5 * time.Second

// reporter tells on standard error how far a publish is: a bar on a terminal,
// lines elsewhere.
type reporter struct {
	p     *printer
	lines bool
	next  time.Time
	bar   progress.Writer
	track *progress.Tracker
	ended chan struct{}
	total int64
}

// report starts to tell; total is the bytes to come, 0 when nobody knows.
func (o *globalOptions) report(cmd *cobra.Command, total, done int64) *reporter {
	r := &reporter{p: o.printer(cmd), total: total, next: time.Now().Add(progressLinesEvery)}
	errs := cmd.ErrOrStderr()
	if !isTerminal(errs) || !o.showProgress(errs) {
		r.lines = o.progress || !o.noProgress && !o.quiet
		return r
	}
	r.bar, r.ended = progress.NewWriter(), make(chan struct{})
	r.bar.SetOutputWriter(errs)
	r.bar.SetAutoStop(true)
	r.bar.SetTrackerLength(30)
	r.bar.SetUpdateFrequency(100 * time.Millisecond)
	r.bar.Style().Visibility.TrackerOverall = false
	r.bar.Style().Options.PercentFormat = "%4.0f%%"
	r.track = &progress.Tracker{Message: "Publishing", Total: total, Units: progress.UnitsBytes}
	r.track.SetValue(done)
	r.bar.AppendTracker(r.track)
	go func() {
		defer close(r.ended)
		r.bar.Render()
	}()
	return r
}

// at tells how far it is.
func (r *reporter) at(s *progressState, now time.Time) {
	if r.bar != nil {
		// The bar ends by itself at its total, which end decides.
		r.track.SetValue(min(s.Offset, max(r.total-1, 0)))
		return
	}
	if !r.lines || now.Before(r.next) {
		return
	}
	r.next = now.Add(progressLinesEvery)
	share := ""
	if r.total > 0 {
		share = percent(100*float64(s.Offset)/float64(r.total)) + ", "
	}
	r.log("%s%s, %s accepted, %s refused", share, size(s.Offset), number(s.Accepted), number(s.Refused))
}

// log prints a line beside the bar.
func (r *reporter) log(format string, args ...any) {
	text := clean(fmt.Sprintf(format, args...))
	if r.bar != nil {
		r.bar.Log("%s", text)
		return
	}
	fmt.Fprintln(r.p.errs, text)
}

// waiting tells why nothing happens.
func (r *reporter) waiting(d time.Duration, why error) {
	if r.bar == nil && !r.lines {
		return
	}
	text := why.Error()
	var u *url.Error
	if errors.As(why, &u) {
		text, _ = lost(u)
	}
	r.log("The ledger does not take it: %s. Trying again in %s.", text, d.Round(time.Millisecond))
}

// end stops the bar and waits until it is drawn.
func (r *reporter) end(err error) {
	if r.bar == nil {
		return
	}
	if err != nil {
		r.track.MarkAsErrored()
	} else {
		r.track.MarkAsDone()
	}
	<-r.ended
}
