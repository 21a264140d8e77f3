package bench

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Figure is what the rounds of one side gave.
type Figure struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Verdict says whether a figure keeps its budget.
type Verdict string

// The verdicts. A line without a budget has none.
const (
	Pass  Verdict = "pass"
	Short Verdict = "short"
)

// Row is one line of a report.
type Row struct {
	// Name is the measurement, Part the line's own name where it has several.
	Name string `json:"name"`
	Part string `json:"part,omitempty"`
	What string `json:"what"`
	Unit Unit   `json:"unit"`
	// Of is what a rate counts.
	Of      string `json:"of,omitempty"`
	Product Figure `json:"product"`
	// Ceiling is absent where there is none; CeilingWhat says what it is.
	Ceiling     *Figure `json:"ceiling,omitempty"`
	CeilingWhat string  `json:"ceiling_what,omitempty"`
	// Ratio is how much of the ceiling the product reaches: 1 is as good. It is
	// the median of the rounds' ratios, 0 without a ceiling.
	Ratio   float64 `json:"ratio,omitempty"`
	Budget  string  `json:"budget,omitempty"`
	Verdict Verdict `json:"verdict,omitempty"`
	// Scaled is true when the run was smaller than what the budget is meant for.
	Scaled bool `json:"scaled,omitempty"`
	// Fsyncs is what the disk did alone in the same rounds, per second; durable
	// lines only.
	Fsyncs float64 `json:"fsyncs_per_second,omitempty"`
	Rounds int     `json:"rounds"`
}

// Label is the line's name.
func (r *Row) Label() string {
	if r.Part == "" {
		return r.Name
	}
	return r.Name + " " + r.Part
}

// Report is the result of a run.
type Report struct {
	At      time.Time `json:"at"`
	Took    float64   `json:"took_seconds"`
	Machine Machine   `json:"machine"`
	Disk    Disk      `json:"disk"`
	// The scale of the run.
	Devices       int `json:"devices"`
	Pushes        int `json:"pushes"`
	Notifications int `json:"notifications"`
	// Partitions are measured side by side, and the figures their sum; absent with one.
	Partitions int   `json:"partitions,omitempty"`
	Rows       []Row `json:"rows"`
}

// sample is one round of one line; NaN is no figure.
type sample struct{ ceiling, product, fsyncs float64 }

// row makes a line of its rounds.
func (s *spec) row(c *Config, samples []sample) Row {
	r := Row{
		Name: s.name, Part: s.part, What: s.what, Unit: s.unit, Of: s.of,
		Budget: s.budget.text, Rounds: len(samples),
	}
	var ceilings, products, ratios, fsyncs []float64
	for _, m := range samples {
		products = append(products, m.product)
		if s.durable {
			fsyncs = append(fsyncs, m.fsyncs)
		}
		if math.IsNaN(m.ceiling) {
			continue
		}
		ceilings = append(ceilings, m.ceiling)
		ratio := m.ceiling / m.product
		if s.unit == PerSecond {
			ratio = m.product / m.ceiling
		}
		ratios = append(ratios, ratio)
	}
	r.Product = s.figure(products)
	if len(ceilings) > 0 {
		f := s.figure(ceilings)
		r.Ceiling, r.CeilingWhat, r.Ratio = &f, s.ceiling, median(ratios)
	}
	if len(fsyncs) > 0 {
		r.Fsyncs = median(fsyncs)
	}
	if c.Partitions > 1 {
		r.What += fmt.Sprintf(", in %d partitions side by side: their sum", c.Partitions)
		r.CeilingWhat += fmt.Sprintf(", %d side by side", c.Partitions)
	}
	r.Verdict = s.budget.verdict(r.Product.Median, r.Ratio)
	r.Scaled = c.Devices < s.budget.devices || c.Notifications < s.budget.notifications
	return r
}

func (s *spec) figure(values []float64) Figure {
	f := Figure{Median: median(values), Min: slices.Min(values), Max: slices.Max(values)}
	if s.peak {
		f.Median = f.Max
	}
	return f
}

func (b *budget) verdict(value, ratio float64) Verdict {
	switch {
	case b.text == "":
		return ""
	case b.atLeast > 0 && value < b.atLeast, b.atMost > 0 && value > b.atMost, ratio < b.ratio:
		return Short
	}
	return Pass
}

// median of values, of which there is at least one.
func median(values []float64) float64 { return percentile(values, 50) }

// percentile is the smallest value that at least so many percent do not exceed;
// for an even number of values the median is the lower one of the middle.
func percentile(values []float64, percent float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(percent / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}
