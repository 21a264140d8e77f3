package statistics

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
)

// draw returns the plot of a report, which must be XML that loads nothing.
func draw(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.SVG(&b); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(bytes.NewReader(b.Bytes()))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if !strings.Contains(" svg title desc style rect text line path ", " "+e.Name.Local+" ") {
			t.Errorf("the element %s", e.Name.Local)
		}
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Name.Local, "href") {
				t.Errorf("the attribute %s", a.Name.Local)
			}
		}
	}
}

// The plot of the story is kept. UPDATE=1 writes it.
func TestPlot(t *testing.T) {
	got := draw(t, read(t, Config{}, fill(t, 0, story())))
	path := filepath.Join("testdata", "plot.svg")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("run the test with UPDATE=1: %s", diff)
	}
}

// Texts of others stay texts.
func TestPlotEscapes(t *testing.T) {
	push := `</text><script>alert("1")</script>&amp;` + strings.Repeat("撤回", 12)
	list := story()
	for _, e := range list {
		e.event.Push = push
	}
	got := draw(t, read(t, Config{}, fill(t, 0, list)))
	if strings.Contains(got, "<script") || !strings.Contains(got, "&lt;/text&gt;&lt;script&gt;") || !strings.Contains(got, "撤回…") && !strings.Contains(got, "撤…") {
		t.Error(got)
	}
}

func TestPlotOfNobody(t *testing.T) {
	if got := draw(t, New(Config{}).Report()); !strings.Contains(got, ">nobody held it<") || strings.Contains(got, "<path") {
		t.Error(got)
	}
}

// Channels beyond what colours can tell apart share a curve.
func TestPlotOfMany(t *testing.T) {
	list := []entry{says(0, 0, events.RecallRequested, "sale", requested("r1", "recall"))}
	for n := range maxCurves + 3 {
		name := fmt.Sprintf("channel-%c", 'a'+n)
		var devices []string
		for i := range 20 - n {
			devices = append(devices, fmt.Sprint(i))
		}
		list = append(list, says(1, 1, events.CommandIssued, "sale", command("r1", name, "remove", false, devices...)))
	}
	list = append(list, says(3600, 3600, events.OutcomeConfirmed, "sale", outcome("r1", "channel-j", "0", "1")))
	got := draw(t, read(t, Config{}, fill(t, 0, list)))
	for _, word := range []string{">channel-g<", ">3 others<", ">5.5% of 36, 5.5% confirmed<", ">1 h<"} {
		if !strings.Contains(got, word) {
			t.Errorf("%s is missing in %s", word, got)
		}
	}
	if strings.Contains(got, ">channel-h<") || strings.Count(got, `class="taken c`) != maxCurves+1 || strings.Count(got, `class="sure c`) != 1 {
		t.Error(got)
	}
}

// Every time has its place on the axis, from nothing to beyond its end.
func TestPlotScale(t *testing.T) {
	for _, c := range []struct {
		least, most time.Duration
		first, last string
	}{
		{0, 0, "1 ms", "100 ms"},
		{5 * time.Millisecond, 5 * time.Millisecond, "1 ms", "100 ms"},
		{20 * time.Millisecond, 3 * time.Second, "10 ms", "10 s"},
		{time.Minute, 26 * time.Hour, "1 min", "7 d"},
		{31 * 24 * time.Hour, 90 * 24 * time.Hour, "1 d", "30 d"},
	} {
		p := &plot{curves: []curve{{holders: 2, taken: []time.Duration{c.least, c.most}}}}
		p.scale()
		if first, last := p.ticks[0].name, p.ticks[len(p.ticks)-1].name; first != c.first || last != c.last {
			t.Errorf("%s to %s: the axis goes from %s to %s, want %s to %s", c.least, c.most, first, last, c.first, c.last)
		}
		for _, d := range []time.Duration{c.least, c.most} {
			if x := p.x(d); x < plotLeft || x > plotRight {
				t.Errorf("%s stands at %f", d, x)
			}
		}
	}
}
