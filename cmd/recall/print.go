package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// printer writes answers to standard output in the form asked for.
type printer struct {
	out    io.Writer
	format string
	color  bool
	quiet  bool
	errs   io.Writer
	// moment is what the answer is of when that is not the present.
	moment *api.Moment
}

func (o *globalOptions) printer(cmd *cobra.Command) *printer {
	out := cmd.OutOrStdout()
	return &printer{
		out: out, errs: cmd.ErrOrStderr(), format: o.output, quiet: o.quiet,
		color: !o.noColor && isTerminal(out) && os.Getenv("TERM") != "dumb",
	}
}

// value prints one answer: as JSON if asked for, else by table.
func (p *printer) value(v any, table func() error) error {
	switch p.format {
	case formatJSON:
		return p.json(v)
	case formatNDJSON:
		return p.line(v)
	}
	return table()
}

// list is value for a page: as lines it is one value per entry.
func list[T any](p *printer, page any, entries []T, table func() error) error {
	if p.format != formatNDJSON {
		return p.value(page, table)
	}
	for _, e := range entries {
		if err := p.line(e); err != nil {
			return err
		}
	}
	return nil
}

func (p *printer) json(v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, b, "", "  "); err != nil {
		return err
	}
	return p.write(indented.Bytes())
}

// line prints one value on one line.
func (p *printer) line(v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	return p.write(b)
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return cleanJSON(bytes.TrimSuffix(b.Bytes(), []byte{'\n'})), nil
}

func (p *printer) write(b []byte) error {
	_, err := p.out.Write(append(b, '\n'))
	return err
}

// say prints a line for people: what others wrote into it is made harmless.
func (p *printer) say(format string, args ...any) error {
	_, err := fmt.Fprintln(p.out, clean(fmt.Sprintf(format, args...)))
	return err
}

// note prints a remark beside the answer, unless nobody wants remarks.
func (p *printer) note(format string, args ...any) {
	if !p.quiet {
		// A remark that cannot be written is no reason to fail.
		_, _ = fmt.Fprintln(p.errs, clean(fmt.Sprintf(format, args...)))
	}
}

// more says how to get the next page, of the same moment.
func (p *printer) more(next string) {
	if next == "" || p.format == formatJSON {
		return
	}
	if p.moment != nil {
		next += " --as-of " + p.moment.Positions.String()
	}
	p.note("There is more: --cursor %s", next)
}

// now is the time the answer is of.
func (p *printer) now() time.Time {
	if p.moment != nil {
		return p.moment.Time
	}
	return time.Now()
}

// number writes thousands separators.
func number[T ~int | ~int64 | ~uint32 | ~uint64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	if n > 0 {
		s = strconv.FormatUint(uint64(n), 10)
	}
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// plural writes a number with its noun.
func plural[T ~int | ~int64 | ~uint32 | ~uint64](n T, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// instant writes a time in the reader's zone, "-" for none.
func instant(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.RFC3339)
}

// span writes a duration in its two largest units.
func span(d time.Duration) string {
	if d < 0 {
		return "-" + span(-d)
	}
	units := []struct {
		name string
		d    time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
	for i, u := range units {
		if d < u.d {
			continue
		}
		s := strconv.FormatInt(int64(d/u.d), 10) + u.name
		if i+1 < len(units) {
			if rest := d % u.d / units[i+1].d; rest > 0 {
				s += " " + strconv.FormatInt(int64(rest), 10) + units[i+1].name
			}
		}
		return s
	}
	if d == 0 {
		return "0s"
	}
	return d.Round(time.Millisecond).String()
}

// milliseconds writes a measured time, "-" for none.
func milliseconds(ms int64) string {
	if ms == 0 {
		return "-"
	}
	d := time.Duration(ms) * time.Millisecond
	if d < 10*time.Second {
		return d.String()
	}
	return span(d)
}

// size writes bytes in binary units.
func size[T ~int | ~int64 | ~uint64](n T) string {
	const units = "KMGTPE"
	if n < 1<<10 {
		return strconv.FormatInt(int64(n), 10) + " B"
	}
	f, i := float64(n)/1024, 0
	for f >= 1024 && i < len(units)-1 {
		f /= 1024
		i++
	}
	digits := 1
	if f == math.Trunc(f) {
		digits = 0
	}
	return strconv.FormatFloat(f, 'f', digits, 64) + " " + units[i:i+1] + "iB"
}

// percent never rounds up to 100: what is not done is not done.
func percent(f float64) string {
	return strconv.FormatFloat(math.Floor(f*10)/10, 'f', 1, 64) + "%"
}

// words joins what there is.
func words(parts ...string) string {
	var kept []string
	for _, s := range parts {
		if s != "" {
			kept = append(kept, s)
		}
	}
	return strings.Join(kept, ", ")
}

// left writes how long something may still be done.
func left(until, now time.Time) string {
	if !now.Before(until) {
		return "closed"
	}
	return fmt.Sprintf("%s left", span(until.Sub(now)))
}

// textWidth is how wide running text is.
const textWidth = 98

// wrapped prints running text with a label; the lines after the first are
// indented.
func (p *printer) wrapped(label, s string) error {
	line := clean(label)
	empty := true
	for _, word := range strings.Fields(clean(s)) {
		if !empty && text.StringWidthWithoutEscSequences(line)+1+text.StringWidthWithoutEscSequences(word) > textWidth {
			if _, err := fmt.Fprintln(p.out, line); err != nil {
				return err
			}
			line, empty = "    ", true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	_, err := fmt.Fprintln(p.out, line)
	return err
}
