package main

import (
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
	"github.com/spf13/cobra"
)

// meter tells on standard error how far a command is through the log: by a bar
// on a terminal, by lines elsewhere, and only once it takes a while.
type meter struct {
	p     *printer
	name  string
	lines bool
	draw  bool
	next  time.Time
	bar   progress.Writer
	track *progress.Tracker
	ended chan struct{}
	total int64
	start int64
	// before is how much was read of the partitions before this one, done of all.
	before, done int64
}

// barAfter is how long a command works before a bar is drawn.
const barAfter = time.Second

func (o *globalOptions) meter(cmd *cobra.Command, name string) *meter {
	errs := cmd.ErrOrStderr()
	m := &meter{p: o.printer(cmd), name: name, next: time.Now().Add(progressLinesEvery)}
	switch {
	case isTerminal(errs) && o.showProgress(errs):
		m.draw, m.next = true, time.Now().Add(barAfter)
	default:
		m.lines = o.progress || !o.noProgress && !o.quiet
	}
	return m
}

// span is told which part of the log is read, of each partition that is begun.
func (m *meter) span(first, last uint64) {
	m.before = m.done
	m.start = int64(first) - 1
	m.total = m.before + max(int64(last)-m.start, 0)
	if m.bar != nil {
		m.track.UpdateTotal(m.total)
	}
}

// at tells how far it is.
func (m *meter) at(seq uint64) {
	done := m.before + int64(seq) - m.start
	m.done = done
	if m.bar != nil {
		// The bar ends by itself at its total, which end decides.
		m.track.SetValue(min(done, max(m.total-1, 0)))
		return
	}
	if !m.lines && !m.draw {
		return
	}
	now := time.Now()
	if now.Before(m.next) {
		return
	}
	if m.draw {
		m.open()
		return
	}
	m.next = now.Add(progressLinesEvery)
	share := ""
	if m.total > 0 {
		share = " (" + percent(100*float64(done)/float64(m.total)) + ")"
	}
	fmt.Fprintln(m.p.errs, clean(fmt.Sprintf("%s: %s of the log%s", m.name, plural(done, "event", "events"), share)))
}

func (m *meter) open() {
	m.bar, m.ended = progress.NewWriter(), make(chan struct{})
	m.bar.SetOutputWriter(m.p.errs)
	m.bar.SetAutoStop(true)
	m.bar.SetTrackerLength(30)
	m.bar.SetUpdateFrequency(100 * time.Millisecond)
	m.bar.Style().Visibility.TrackerOverall = false
	m.bar.Style().Options.PercentFormat = "%4.0f%%"
	m.track = &progress.Tracker{Message: m.name, Total: m.total, Units: progress.UnitsDefault}
	m.bar.AppendTracker(m.track)
	go func() {
		defer close(m.ended)
		m.bar.Render()
	}()
}

// waiting tells beside the bar why nothing comes.
func (m *meter) waiting(d time.Duration, why error) {
	if m.bar == nil {
		m.p.waiting(d, why)
		return
	}
	m.bar.Log("%s", clean(fmt.Sprintf("%s; asking again in %s", interruption(why), d.Round(time.Millisecond))))
}

// end stops the bar and waits until it is drawn.
func (m *meter) end(err error) {
	if m.bar == nil {
		return
	}
	if err != nil {
		m.track.MarkAsErrored()
	} else {
		m.track.MarkAsDone()
	}
	<-m.ended
}
