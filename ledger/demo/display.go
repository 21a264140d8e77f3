package demo

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/recall-ledger/recall-ledger/projections"
)

// display says what happens. Everything but the progress is said once, as lines
// and tables of at most 100 columns.
type display struct {
	w        io.Writer
	terminal bool
	quiet    bool
	width    func() int

	// drawn is how many lines the progress takes on the terminal now.
	drawn int
	// last is when progress was said, lastLine what.
	last     time.Time
	lastLine string
	// commanded is how long after acceptance no holder waited for a command
	// for the first time, settledAt when the newest answer was settled.
	commanded, settledAt time.Duration
}

func newDisplay(c Config) *display {
	return &display{w: c.Out, terminal: c.Terminal, quiet: c.Quiet, width: c.Width}
}

func (d *display) line(format string, args ...any) { fmt.Fprintf(d.w, format+"\n", args...) }

// text says something in a paragraph under its heading.
func (d *display) text(format string, args ...any) { d.wrapped("   ", fmt.Sprintf(format, args...)) }

// wrapped prints text in lines of at most 98 columns, fewer on a narrow terminal.
func (d *display) wrapped(indent, text string) {
	limit := 98
	if d.terminal {
		limit = max(min(limit, d.width()-1), 20)
	}
	line := indent
	for w := range strings.FieldsSeq(text) {
		if utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) > limit && line != indent {
			d.line("%s", line)
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += w
	}
	d.line("%s", line)
}

// number writes a count with separators.
func number[N ~int | ~uint32 | ~uint64 | ~int64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// counted writes a number with its noun.
func counted[N ~int | ~uint32](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// figure is a number in a table; nothing is a dash, so that what is there
// stands out.
func figure(n uint32) string {
	if n == 0 {
		return "-"
	}
	return number(n)
}

// span writes a duration for people.
func span(d time.Duration) string {
	if d < time.Second {
		return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + " ms"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
}

// table prints rows under a head, the first column to the left.
func (d *display) table(head []string, rows [][]string, foot []string) {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.Style().Format.Footer = text.FormatDefault
	t.Style().Options.DrawBorder = false
	t.Style().Options.SeparateColumns = false
	var columns []table.ColumnConfig
	for i := range head {
		align := text.AlignRight
		if i == 0 || head[i] == "method" {
			align = text.AlignLeft
		}
		columns = append(columns, table.ColumnConfig{Number: i + 1, Align: align, AlignHeader: align, AlignFooter: align})
	}
	t.SetColumnConfigs(columns)
	cells := func(list []string) table.Row {
		r := make(table.Row, len(list))
		for i, s := range list {
			r[i] = s
		}
		return r
	}
	t.AppendHeader(cells(head))
	for _, r := range rows {
		t.AppendRow(cells(r))
	}
	if foot != nil {
		t.AppendFooter(cells(foot))
	}
	for l := range strings.Lines(t.Render()) {
		d.line("  %s", strings.TrimRight(l, " \n"))
	}
	d.line("")
}

// How often progress is said.
const (
	redrawEvery = 100 * time.Millisecond
	lineEvery   = time.Second
	// After slowAfter a line comes less often.
	slowAfter = 10 * time.Second
	slowEvery = 5 * time.Second
)

// progress shows how far the recall is: redrawn on a terminal, a line a second
// elsewhere.
func (d *display) progress(p *play, r *projections.Recall, now time.Time) {
	since := now.Sub(r.At)
	if d.commanded == 0 && r.Total.Waiting == 0 {
		d.commanded = since
	}
	if r.Settled {
		if d.settledAt == 0 {
			d.settledAt = since
		}
	} else {
		d.settledAt = 0
	}
	if d.quiet {
		return
	}
	every := lineEvery
	switch {
	case d.terminal:
		every = redrawEvery
	case since > slowAfter:
		every = slowEvery
	}
	if !r.Settled && !d.last.IsZero() && now.Sub(d.last) < every {
		return
	}
	if d.terminal {
		d.redraw(inOrder(p, r.Channels, func(c projections.RecallChannel) string { return c.Channel }), &r.Total, since)
	} else if l := plainProgress(r); l != d.lastLine {
		d.lastLine = l
		d.line("  %7s  %s", span(since), l)
	}
	d.last = now
}

// plainProgress is the recall's progress in one line.
func plainProgress(r *projections.Recall) string {
	t := &r.Total
	return fmt.Sprintf("%5.1f %%  %s of %s: %s obeyed, %s skipped, %s refused, %s late",
		r.Percent, number(t.Done()), number(t.Planned+t.Late), number(t.Accepted+t.Confirmed),
		number(t.Skipped), number(t.Refused), number(t.Late))
}

// redraw draws a line for every channel over what was drawn before.
func (d *display) redraw(list []projections.RecallChannel, total *projections.RecallCounts, since time.Duration) {
	columns := max(d.width(), 20) - 1
	var b strings.Builder
	if d.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", d.drawn)
	}
	lines := make([]string, 0, len(list)+1)
	for i := range list {
		lines = append(lines, bar(list[i].Channel, &list[i].RecallCounts, columns))
	}
	lines = append(lines, bar("total", total, columns, span(since)))
	for _, l := range lines {
		b.WriteString("\r\x1b[K")
		b.WriteString(l)
		b.WriteByte('\n')
	}
	// The number of channels only grows, so nothing old stays below.
	d.drawn = len(lines)
	_, _ = io.WriteString(d.w, b.String())
}

// bar is one channel's progress. On a narrow terminal the bar shrinks first, and
// what does not fit then is left out from the right.
func bar(name string, c *projections.RecallCounts, columns int, more ...string) string {
	all, done := c.Planned+c.Late, c.Done()
	share := 1.0
	if all > 0 {
		share = float64(done) / float64(all)
	}
	size := min(max(columns-72, 8), 28)
	full := int(share * float64(size))
	line := clip(fmt.Sprintf("  %-9s %s%s %5.1f %%  %9s of %s", name, strings.Repeat("█", full), strings.Repeat("░", size-full),
		100*share, number(done), number(all)), columns)
	for _, n := range []struct {
		n    uint32
		word string
	}{{c.Skipped, "skipped"}, {c.Refused, "refused"}, {c.Unsupported, "no way back"}} {
		if n.n > 0 {
			more = append(more, number(n.n)+" "+n.word)
		}
	}
	join := "  "
	for _, part := range more {
		if utf8.RuneCountInString(line)+len(join)+len(part) > columns {
			break
		}
		line += join + part
		join = ", "
	}
	return line
}

// clip cuts a line to a number of columns; every rune here takes one.
func clip(s string, columns int) string {
	if utf8.RuneCountInString(s) <= columns {
		return s
	}
	n := 0
	for i := range s {
		if n == columns {
			return s[:i]
		}
		n++
	}
	return s
}
