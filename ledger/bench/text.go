package bench

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Text writes a figure for people.
func (u Unit) Text(v float64) string {
	switch u {
	case PerSecond:
		return scaled(v, 1000, []string{"/s", " k/s", " M/s", " G/s"})
	case Bytes:
		return scaled(v, 1024, []string{" B", " KiB", " MiB", " GiB", " TiB"})
	}
	return scaled(v*1e9, 1000, []string{" ns", " µs", " ms", " s"})
}

// scaled writes three digits and the unit that needs no more before the point.
func scaled(v, step float64, units []string) string {
	i := 0
	for math.Abs(v) >= step && i < len(units)-1 {
		v /= step
		i++
	}
	digits := 0
	switch {
	case math.Abs(v) < 10:
		digits = 2
	case math.Abs(v) < 100:
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + units[i]
}

// RatioText writes a ratio, "-" for none.
func (r *Row) RatioText() string {
	switch {
	case r.Ceiling == nil:
		return "-"
	case r.Ratio < 0.1:
		return strconv.FormatFloat(r.Ratio, 'g', 1, 64)
	case r.Ratio >= 100:
		return strconv.FormatFloat(r.Ratio, 'f', 0, 64)
	}
	return strconv.FormatFloat(r.Ratio, 'f', 2, 64)
}

// CeilingText writes the ceiling, "-" for none.
func (r *Row) CeilingText() string {
	if r.Ceiling == nil {
		return "-"
	}
	return r.Unit.Text(r.Ceiling.Median)
}

// FsyncText writes the disk's own fsyncs a second, "-" where nothing is durable.
func (r *Row) FsyncText() string {
	if r.Fsyncs == 0 {
		return "-"
	}
	return PerSecond.Text(r.Fsyncs)
}

// VerdictText marks what was judged at a smaller scale than the budget's.
func (r *Row) VerdictText() string {
	switch {
	case r.Verdict == "":
		return "-"
	case r.Scaled:
		return string(r.Verdict) + "*"
	}
	return string(r.Verdict)
}

// Place says in a line where and at what scale the run was.
func (r *Report) Place() string {
	m := &r.Machine
	var parts []string
	for _, s := range []string{m.CPU, fmt.Sprintf("%d CPUs", m.CPUs), memoryText(m.Memory), r.Disk.FileSystem, m.OS + "/" + m.Arch, m.Go} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ", ") + "; " + r.At.UTC().Format(time.DateOnly)
}

func memoryText(bytes uint64) string {
	if bytes == 0 {
		return ""
	}
	return Bytes.Text(float64(bytes))
}

// Scale says what the run was asked for.
func (r *Report) Scale() string {
	if r.Partitions > 1 {
		return fmt.Sprintf("partitions: %d; devices: %d; large pushes: one to all devices in each partition; small pushes: %d in all, to a %dth of the devices each",
			r.Partitions, r.Devices, r.Pushes, smallShare)
	}
	return fmt.Sprintf("devices: %d; small pushes: %d, to a %dth of the devices each; notifications in the node that is killed: %d",
		r.Devices, r.Pushes, smallShare, r.Notifications)
}

// DiskText says what the disk does on its own.
func (r *Report) DiskText() string {
	d := &r.Disk
	return fmt.Sprintf("%s fsyncs of 4 KiB, p50 %s, p99 %s", PerSecond.Text(d.PerSecond), Seconds.Text(d.P50), Seconds.Text(d.P99))
}

// InMemory reports whether the folder is no disk, so that durable means nothing.
func (d *Disk) InMemory() bool { return d.FileSystem == "tmpfs" || d.FileSystem == "ramfs" }

// Markdown is the table as a README has it.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s.\n%s. The disk alone: %s.\n\n", r.Place(), r.Scale(), r.DiskText())
	b.WriteString("| what | measured | ceiling in the same run | ratio | budget | |\n|---|--:|--:|--:|---|---|\n")
	for i := range r.Rows {
		w := &r.Rows[i]
		what, ceiling := w.What, w.CeilingText()
		if w.Part == "p50" || w.Part == "p99" {
			what += ", " + w.Part
		}
		if w.CeilingWhat != "" {
			ceiling += " (" + w.CeilingWhat + ")"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", what, w.Unit.Text(w.Product.Median), ceiling, w.RatioText(), w.Budget, w.VerdictText())
	}
	b.WriteString("\nMedians of rounds that take ceiling and product in turn. \\* at a smaller scale than the budget is meant for.\n")
	return b.String()
}
