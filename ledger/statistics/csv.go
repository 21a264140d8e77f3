package statistics

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"
)

// cells is a row as CSV has it, by column.
type cells struct{ names, values []string }

func (c *cells) text(name, v string) {
	c.names, c.values = append(c.names, name), append(c.values, v)
}

func (c *cells) count(name string, n int) { c.text(name, strconv.Itoa(n)) }

func (c *cells) share(name string, v float64) {
	c.text(name, strconv.FormatFloat(v, 'f', 6, 64))
}

// times adds a count with its percentiles; nothing stands for none.
func (c *cells) times(name string, t Times) {
	c.count(name, t.Count)
	for _, p := range []struct {
		name string
		d    time.Duration
	}{{"_t50_ms", t.T50}, {"_t95_ms", t.T95}, {"_t99_ms", t.T99}} {
		text := ""
		if t.Count > 0 {
			text = strconv.FormatFloat(*milliseconds(p.d), 'f', -1, 64)
		}
		c.text(name+p.name, text)
	}
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

func (r *Report) row(v *Recall, channel string, f Figures) cells {
	var c cells
	c.text("app", r.App)
	c.text("push", v.Push)
	c.text("recall", v.Recall)
	c.text("action", v.Action)
	c.text("device", v.Scope.Device)
	c.text("user", v.Scope.User)
	c.text("state", string(v.State))
	c.text("at", instant(v.At))
	c.text("closed_at", instant(v.ClosedAt))
	c.text("channel", channel)
	c.count("holders", f.Holders)
	c.count("late", f.Late)
	c.times("accepted", f.Accepted)
	c.times("confirmed", f.Confirmed)
	c.count("cleared", f.Cleared)
	c.share("cleared_share", f.ClearedShare)
	c.count("clicks_after", f.ClicksAfter)
	c.share("clicks_after_share", f.ClicksAfterShare)
	c.count("unreachable", f.Unreachable)
	c.share("unreachable_share", f.UnreachableShare)
	c.count("skipped", f.Skipped)
	c.count("refused", f.Refused)
	c.count("expired", f.Expired)
	c.count("open", f.Open)
	return c
}

// CSV writes a line for each recall and channel, and one without a channel for a
// recall that concerned nobody. There is no total, so that sums come out right.
func (r *Report) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write(r.row(&Recall{}, "", Figures{}).names); err != nil {
		return err
	}
	for i := range r.Recalls {
		v := &r.Recalls[i]
		lines := v.Channels
		if len(lines) == 0 {
			lines = []Channel{{}}
		}
		for _, c := range lines {
			if err := out.Write(r.row(v, c.Channel, c.Figures).values); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}
