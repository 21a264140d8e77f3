package statistics

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// curve is what is plotted of one channel.
type curve struct {
	name string
	// holders are those who were to be cleared: all but the skipped.
	holders int
	// taken are the times of first answers, sure those of confirmations, both
	// of the cleared only and sorted.
	taken, sure []time.Duration
}

func (t *tally) curve(name string) curve {
	slices.Sort(t.cleared)
	slices.Sort(t.sure)
	return curve{name: name, holders: t.Holders - t.Skipped, taken: t.cleared, sure: t.sure}
}

// maxCurves is how many channels have a curve of their own, those with most
// holders first; the rest share one, since more colours cannot be told apart.
const maxCurves = 7

// The measures of the plot, in its own units.
const (
	plotWidth, plotHeight = 960, 470
	plotLeft, plotTop     = 64, 70
	plotRight, plotBottom = 640, 400
	legendLeft            = 664
	maxTitleRunes         = 60
)

// tick is a mark on the time axis.
type tick struct {
	at   time.Duration
	name string
}

// timeTicks divide a logarithmic axis as people read times.
var timeTicks = [...]tick{
	{time.Millisecond, "1 ms"}, {10 * time.Millisecond, "10 ms"}, {100 * time.Millisecond, "100 ms"}, {time.Second, "1 s"},
	{10 * time.Second, "10 s"}, {time.Minute, "1 min"}, {10 * time.Minute, "10 min"}, {time.Hour, "1 h"}, {6 * time.Hour, "6 h"},
	{24 * time.Hour, "1 d"}, {7 * 24 * time.Hour, "7 d"}, {30 * 24 * time.Hour, "30 d"},
}

// plotStyle holds colours that people who see colours otherwise can tell apart,
// in the order of the curves, for light and for dark paper.
const plotStyle = `
text{font:13px system-ui,sans-serif;fill:#1f2328}
.title{font-size:17px;font-weight:600}
.soft{fill:#57606a}
.paper{fill:#ffffff}
.grid{stroke:#d8dee4;stroke-width:1}
.axis{stroke:#57606a;stroke-width:1}
.taken,.sure{fill:none;stroke-linejoin:round}
.taken{stroke-width:1.6;stroke-dasharray:5 4}
.sure{stroke-width:2.6}
.c0{stroke:#0072b2}.c1{stroke:#c25400}.c2{stroke:#00795a}.c3{stroke:#a3417c}.c4{stroke:#8a6d00}.c5{stroke:#cf222e}.c6{stroke:#7a3db8}.c7,.key{stroke:#57606a}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}
.soft{fill:#9da7b1}
.paper{fill:#0d1117}
.grid{stroke:#2b323b}
.axis{stroke:#9da7b1}
.c0{stroke:#4aa8e8}.c1{stroke:#ff9a4d}.c2{stroke:#2fc79a}.c3{stroke:#e58bc0}.c4{stroke:#e3c13b}.c5{stroke:#ff7b72}.c6{stroke:#c39bf0}.c7,.key{stroke:#9da7b1}
}
`

// SVG draws the share cleared over the time since the recall, by channel: dashed
// what a vendor or device answered for, solid what devices confirmed. It holds
// no script and loads nothing.
func (r *Report) SVG(w io.Writer) error {
	p := &plot{curves: merged(r.curves)}
	p.scale()
	fmt.Fprintf(&p.b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="title desc">`+"\n",
		plotWidth, plotHeight, plotWidth, plotHeight)
	p.element("title", `id="title"`, "Share of holders cleared over time since the recall")
	p.element("desc", `id="desc"`, r.inWords())
	fmt.Fprintf(&p.b, "<style>%s</style>\n", plotStyle)
	fmt.Fprintf(&p.b, `<rect class="paper" width="%d" height="%d"/>`+"\n", plotWidth, plotHeight)
	p.text(plotLeft, 28, `class="title"`, "Share of holders cleared")
	p.text(plotLeft, 49, `class="soft"`, r.subject())
	p.axes()
	for i, c := range p.curves {
		p.line(c.taken, c.holders, "taken", i)
		if len(c.sure) > 0 {
			p.line(c.sure, c.holders, "sure", i)
		}
	}
	p.legend()
	p.b.WriteString("</svg>\n")
	_, err := w.Write(p.b.Bytes())
	return err
}

// subject says what the plot is of.
func (r *Report) subject() string {
	switch len(r.Recalls) {
	case 0:
		return "no recall"
	case 1:
		v := r.Recalls[0]
		return fmt.Sprintf("%s of push %s, %s", v.Action, short(v.Push), v.At.Format("2006-01-02 15:04:05 UTC"))
	}
	return fmt.Sprintf("%d recalls from %s to %s", len(r.Recalls), r.Recalls[0].At.Format("2006-01-02 15:04 UTC"),
		r.Recalls[len(r.Recalls)-1].At.Format("2006-01-02 15:04 UTC"))
}

// short cuts a text that is too wide for the plot.
func short(s string) string {
	if utf8.RuneCountInString(s) <= maxTitleRunes {
		return s
	}
	return string([]rune(s)[:maxTitleRunes-1]) + "…"
}

// inWords is the plot for those who do not see it.
func (r *Report) inWords() string {
	parts := []string{r.subject()}
	for _, c := range r.curves {
		parts = append(parts, fmt.Sprintf("%s: %s cleared of %s", c.name, floored(len(c.taken), c.holders), grouped(c.holders)))
	}
	return strings.Join(parts, "; ")
}

// merged joins the curves beyond maxCurves.
func merged(list []curve) []curve {
	list = slices.DeleteFunc(slices.Clone(list), func(c curve) bool { return c.holders == 0 })
	if len(list) <= maxCurves+1 {
		return list
	}
	rest := curve{name: fmt.Sprintf("%d others", len(list)-maxCurves)}
	for _, c := range list[maxCurves:] {
		rest.holders += c.holders
		rest.taken, rest.sure = append(rest.taken, c.taken...), append(rest.sure, c.sure...)
	}
	slices.Sort(rest.taken)
	slices.Sort(rest.sure)
	return append(list[:maxCurves:maxCurves], rest)
}

type plot struct {
	b      bytes.Buffer
	curves []curve
	// ticks are those of the time axis, the ends included.
	ticks []tick
}

// scale finds the part of the time axis that holds every time.
func (p *plot) scale() {
	first, last := 0, 0
	var least, most time.Duration
	for _, c := range p.curves {
		if n := len(c.taken); n > 0 {
			if least == 0 || c.taken[0] < least {
				least = max(c.taken[0], timeTicks[0].at)
			}
			most = max(most, c.taken[n-1])
		}
		if n := len(c.sure); n > 0 {
			most = max(most, c.sure[n-1])
		}
	}
	for i, t := range timeTicks {
		if t.at <= least {
			first = i
		}
		if t.at < most {
			last = i + 1
		}
	}
	last = min(max(last, first+2), len(timeTicks)-1)
	p.ticks = timeTicks[min(first, last-2) : last+1]
}

// x is where a time stands: ticks are equally far apart, and the axis is
// logarithmic between two.
func (p *plot) x(d time.Duration) float64 {
	width := float64(plotRight-plotLeft) / float64(len(p.ticks)-1)
	for i := range len(p.ticks) - 1 {
		from, to := p.ticks[i].at, p.ticks[i+1].at
		if d < to {
			return plotLeft + width*(float64(i)+math.Log(float64(max(d, from))/float64(from))/math.Log(float64(to)/float64(from)))
		}
	}
	return plotRight
}

func y(share float64) float64 { return plotBottom - share*(plotBottom-plotTop) }

func (p *plot) axes() {
	for percent := 0; percent <= 100; percent += 20 {
		at := y(float64(percent) / 100)
		fmt.Fprintf(&p.b, `<line class="grid" x1="%d" x2="%d" y1="%s" y2="%s"/>`+"\n", plotLeft, plotRight, coordinate(at), coordinate(at))
		p.text(plotLeft-8, at+4, `class="soft" text-anchor="end"`, strconv.Itoa(percent)+"%")
	}
	for _, t := range p.ticks {
		at := p.x(t.at)
		fmt.Fprintf(&p.b, `<line class="axis" x1="%s" x2="%s" y1="%d" y2="%d"/>`+"\n", coordinate(at), coordinate(at), plotBottom, plotBottom+5)
		p.text(at, plotBottom+21, `class="soft" text-anchor="middle"`, t.name)
	}
	fmt.Fprintf(&p.b, `<line class="axis" x1="%d" x2="%d" y1="%d" y2="%d"/>`+"\n", plotLeft, plotRight, plotBottom, plotBottom)
	p.text((plotLeft+plotRight)/2, plotBottom+48, `class="soft" text-anchor="middle"`, "time since the recall was accepted")
	if len(p.curves) == 0 {
		p.text((plotLeft+plotRight)/2, (plotTop+plotBottom)/2, `class="soft" text-anchor="middle"`, "nobody held it")
	}
}

// line draws the share of holders reached by each time, a step for each unit of
// the plot's width at most.
func (p *plot) line(times []time.Duration, holders int, class string, n int) {
	fmt.Fprintf(&p.b, `<path class="%s c%d" d="M%d,%s`, class, n, plotLeft, coordinate(y(0)))
	for i := 0; i < len(times); {
		at := float64(int(p.x(times[i])))
		for i < len(times) && float64(int(p.x(times[i]))) == at {
			i++
		}
		fmt.Fprintf(&p.b, "H%sV%s", coordinate(at), coordinate(y(float64(i)/float64(holders))))
	}
	fmt.Fprintf(&p.b, `H%d"/>`+"\n", plotRight)
}

func (p *plot) legend() {
	at := plotTop + 10
	for i, c := range p.curves {
		fmt.Fprintf(&p.b, `<line class="c%d" stroke-width="4" x1="%d" x2="%d" y1="%d" y2="%d"/>`+"\n", i, legendLeft, legendLeft+22, at-4, at-4)
		p.text(legendLeft+30, float64(at), "", c.name)
		text := floored(len(c.taken), c.holders) + " of " + grouped(c.holders)
		if len(c.sure) > 0 {
			text += ", " + floored(len(c.sure), c.holders) + " confirmed"
		}
		p.text(legendLeft+30, float64(at+16), `class="soft"`, text)
		at += 39
	}
	at = plotBottom + 36 // below the labels of the axis
	for _, k := range []struct{ class, text string }{{"taken", "the vendor took it"}, {"sure", "the device confirmed"}} {
		fmt.Fprintf(&p.b, `<line class="%s key" x1="%d" x2="%d" y1="%d" y2="%d"/>`+"\n", k.class, legendLeft, legendLeft+22, at-4, at-4)
		p.text(legendLeft+30, float64(at), `class="soft"`, k.text)
		at += 21
	}
}

// floored is a percentage that never says 100 of what is not all.
func floored(n, of int) string {
	tenths := 1000 * n / max(of, 1)
	return fmt.Sprintf("%d.%d%%", tenths/10, tenths%10)
}

// grouped writes thousands separators.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func (p *plot) text(x, y float64, attributes, s string) {
	p.element("text", fmt.Sprintf(`x="%s" y="%s" %s`, coordinate(x), coordinate(y), attributes), s)
}

// element writes an element whose text others may have written.
func (p *plot) element(name, attributes, s string) {
	fmt.Fprintf(&p.b, "<%s %s>", name, strings.TrimSpace(attributes))
	// A buffer takes everything.
	_ = xml.EscapeText(&p.b, []byte(s))
	fmt.Fprintf(&p.b, "</%s>\n", name)
}

// coordinate writes a number as short as a tenth allows.
func coordinate(v float64) string {
	return strconv.FormatFloat(float64(int(v*10+0.5))/10, 'f', -1, 64)
}
