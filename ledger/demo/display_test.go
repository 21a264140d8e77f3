package demo

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
	"github.com/recall-ledger/recall-ledger/projections"
)

func TestNumbers(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567", -1234: "-1,234", -123: "-123"} {
		if got := number(n); got != want {
			t.Errorf("%d is written %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{400 * time.Microsecond: "0 ms", 12 * time.Millisecond: "12 ms", 1234 * time.Millisecond: "1.2 s", 90 * time.Second: "90.0 s"} {
		if got := span(d); got != want {
			t.Errorf("%s is written %q, want %q", d, got, want)
		}
	}
}

// halfway is a recall that is half carried out.
func halfway() *projections.Recall {
	r := &projections.Recall{Percent: 50, At: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}
	for _, c := range []projections.RecallChannel{
		{Channel: selfbuilt.Channel, RecallCounts: projections.RecallCounts{Planned: 4, Confirmed: 4}},
		{Channel: "sms", RecallCounts: projections.RecallCounts{Planned: 1000, Unsupported: 1000}},
		{Channel: "apns", RecallCounts: projections.RecallCounts{Planned: 3000, Late: 8, Pending: 2004, Accepted: 960, Skipped: 40, Refused: 4}},
	} {
		r.Channels, r.Total = append(r.Channels, c), r.Total.Add(c.RecallCounts)
	}
	return r
}

// screen does what a terminal does with the sequences the display uses, and
// fails on a line that would have been wrapped.
func screen(t *testing.T, s string, width int) []string {
	t.Helper()
	lines, row := []string{""}, 0
	for len(s) > 0 {
		switch rest, up := strings.CutPrefix(s, "\x1b["); {
		case up && strings.HasPrefix(rest, "K"):
			lines[row], s = "", rest[1:]
		case up:
			n := strings.IndexByte(rest, 'A')
			for _, c := range rest[:n] {
				row -= int(c - '0')
			}
			s = rest[n+1:]
		case s[0] == '\r':
			s = s[1:]
		case s[0] == '\n':
			if row++; row == len(lines) {
				lines = append(lines, "")
			}
			s = s[1:]
		default:
			_, n := utf8.DecodeRuneInString(s)
			if lines[row] += s[:n]; utf8.RuneCountInString(lines[row]) > width {
				t.Fatalf("a line is wider than %d columns: %s", width, lines[row])
			}
			s = s[n:]
		}
	}
	return lines
}

// TestRedraw checks what stands on terminals of several widths after some
// redraws: one line per channel, in the campaign's order, none cut in a word.
func TestRedraw(t *testing.T) {
	want := map[int][]string{
		120: {
			"  apns      █████████░░░░░░░░░░░░░░░░░░░  33.4 %      1,004 of 3,008  40 skipped, 4 refused",
			"  sms       ████████████████████████████ 100.0 %      1,000 of 1,000  1,000 no way back",
			"  selfbuilt ████████████████████████████ 100.0 %          4 of 4",
			"  total     ██████████████░░░░░░░░░░░░░░  50.0 %      2,008 of 4,012  1.2 s, 40 skipped, 4 refused, 1,000 no way back",
			"",
		},
		60: {
			"  apns      ██░░░░░░  33.4 %      1,004 of 3,008",
			"  sms       ████████ 100.0 %      1,000 of 1,000",
			"  selfbuilt ████████ 100.0 %          4 of 4",
			"  total     ████░░░░  50.0 %      2,008 of 4,012  1.2 s",
			"",
		},
		20: {"  apns      ██░░░░░", "  sms       ███████", "  selfbuilt ███████", "  total     ████░░░", ""},
	}
	p := tryPlay(t)
	for width, lines := range want {
		o := &output{}
		p.show = newDisplay(Config{Out: o, Terminal: true, Width: func() int { return width }})
		r := halfway()
		for i := range 5 {
			p.show.progress(p, r, r.At.Add(time.Duration(i)*300*time.Millisecond))
		}
		if diff := cmp.Diff(lines, screen(t, o.String(), width)); diff != "" {
			t.Errorf("%d columns (-want +got):\n%s", width, diff)
		}
	}
}

// TestPlainProgress checks that a pipe gets whole lines, one a second at most and
// none twice.
func TestPlainProgress(t *testing.T) {
	p, o := tryPlay(t), &output{}
	p.show = newDisplay(Config{Out: o})
	r := halfway()
	for i := range 50 {
		p.show.progress(p, r, r.At.Add(time.Duration(i)*100*time.Millisecond))
	}
	r.Total.Skipped++
	p.show.progress(p, r, r.At.Add(5100*time.Millisecond))
	want := "     0 ms   50.0 %  2,008 of 4,012: 964 obeyed, 40 skipped, 4 refused, 8 late\n" +
		"    5.1 s   50.0 %  2,009 of 4,012: 964 obeyed, 41 skipped, 4 refused, 8 late\n"
	if diff := cmp.Diff(want, o.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
