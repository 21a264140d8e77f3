package bench

import (
	"math"
	"strings"
	"testing"
)

// TestRow: medians, the ratio by unit, and the verdict at its bounds.
func TestRow(t *testing.T) {
	none := math.NaN()
	scale := &Config{Devices: 1000, Notifications: 1000}
	for name, x := range map[string]struct {
		spec    spec
		samples []sample
		want    Row
	}{
		"a rate reaches half of its ceiling": {
			spec{unit: PerSecond, budget: budget{text: "b", ratio: 0.5}},
			[]sample{{100, 50, 0}, {400, 100, 0}, {100, 60, 0}},
			Row{Product: Figure{60, 50, 100}, Ceiling: &Figure{100, 100, 400}, Ratio: 0.5, Verdict: Pass},
		},
		"a rate just below its share": {
			spec{unit: PerSecond, budget: budget{text: "b", ratio: 0.51}}, []sample{{100, 50, 0}},
			Row{Product: Figure{50, 50, 50}, Ceiling: &Figure{100, 100, 100}, Ratio: 0.5, Verdict: Short},
		},
		"a rate below its bound": {
			spec{unit: PerSecond, budget: budget{text: "b", atLeast: 51}}, []sample{{none, 50, 0}},
			Row{Product: Figure{50, 50, 50}, Verdict: Short},
		},
		"a time twice its ceiling": {
			spec{unit: Seconds, durable: true, budget: budget{text: "b", atMost: 4, devices: 1001}}, []sample{{2, 4, 9}},
			Row{Product: Figure{4, 4, 4}, Ceiling: &Figure{2, 2, 2}, Ratio: 0.5, Verdict: Pass, Scaled: true, Fsyncs: 9},
		},
		"a time over its bound": {
			spec{unit: Seconds, budget: budget{text: "b", atMost: 4, notifications: 1000}}, []sample{{none, 4.1, 0}},
			Row{Product: Figure{4.1, 4.1, 4.1}, Verdict: Short},
		},
		"a peak": {
			spec{unit: Bytes, peak: true}, []sample{{none, 1, 0}, {none, 3, 0}, {none, 2, 0}},
			Row{Product: Figure{3, 1, 3}},
		},
	} {
		got := x.spec.row(scale, x.samples)
		if (got.Ceiling == nil) != (x.want.Ceiling == nil) || got.Ceiling != nil && *got.Ceiling != *x.want.Ceiling {
			t.Errorf("%s: ceiling %v, want %v", name, got.Ceiling, x.want.Ceiling)
		}
		if got.Product != x.want.Product || got.Ratio != x.want.Ratio || got.Verdict != x.want.Verdict ||
			got.Scaled != x.want.Scaled || got.Fsyncs != x.want.Fsyncs {
			t.Errorf("%s: %+v, want %+v", name, got, x.want)
		}
	}
}

func TestPercentile(t *testing.T) {
	values := make([]float64, 100)
	for i := range values {
		values[len(values)-1-i] = float64(i + 1)
	}
	for percent, want := range map[float64]float64{0: 1, 50: 50, 99: 99, 100: 100} {
		if got := percentile(values, percent); got != want {
			t.Errorf("the %v-th of 1 to 100 is %v, want %v", percent, got, want)
		}
	}
	if got := percentile([]float64{7}, 99); got != 7 {
		t.Errorf("of one value it is %v", got)
	}
}

func TestText(t *testing.T) {
	for _, x := range []struct {
		unit Unit
		v    float64
		want string
	}{
		{PerSecond, 999, "999/s"},
		{PerSecond, 84_000, "84.0 k/s"},
		{PerSecond, 4_700_000, "4.70 M/s"},
		{Seconds, 0.000_000_9, "900 ns"},
		{Seconds, 0.001_234, "1.23 ms"},
		{Seconds, 312, "312 s"},
		{Bytes, 1.4, "1.40 B"},
		{Bytes, 3 << 29, "1.50 GiB"},
	} {
		if got := x.unit.Text(x.v); got != x.want {
			t.Errorf("%v %s is %q, want %q", x.v, x.unit, got, x.want)
		}
	}
	for want, r := range map[string]Row{
		"-": {}, "0.004": {Ceiling: &Figure{}, Ratio: 0.004}, "0.71": {Ceiling: &Figure{}, Ratio: 0.712}, "250": {Ceiling: &Figure{}, Ratio: 250},
	} {
		if got := r.RatioText(); got != want {
			t.Errorf("ratio %v is %q, want %q", r.Ratio, got, want)
		}
	}
	for want, r := range map[string]Row{
		"-": {}, "pass": {Verdict: Pass}, "short*": {Verdict: Short, Scaled: true},
	} {
		if got := r.VerdictText(); got != want {
			t.Errorf("verdict %+v is %q, want %q", r, got, want)
		}
	}
	if s := (&Report{Machine: Machine{OS: "linux", CPUs: 2}}).Place(); strings.Contains(s, ", ,") || !strings.HasPrefix(s, "2 CPUs, linux/") {
		t.Errorf("a machine that tells little is %q", s)
	}
}
