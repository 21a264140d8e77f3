package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// unit says how a threshold is written and a value is shown.
type unit uint8

const (
	unitCount unit = iota
	unitTime
	unitPercent
)

// threshold is from where on a value is a warning and critical; nil is never.
type threshold struct{ warning, critical *float64 }

// parseThreshold reads WARNING,CRITICAL; "-" is never.
func parseThreshold(text string, u unit, low bool) (threshold, error) {
	var t threshold
	w, c, two := strings.Cut(text, ",")
	if !two {
		return t, fmt.Errorf("is %q, expected WARNING,CRITICAL such as %s", text, u.example(low))
	}
	for _, x := range []struct {
		text string
		to   **float64
	}{{w, &t.warning}, {c, &t.critical}} {
		if x.text == "-" {
			continue
		}
		v, err := u.parse(x.text)
		if err != nil {
			return t, err
		}
		*x.to = &v
	}
	if t.warning != nil && t.critical != nil && (*t.warning > *t.critical) != low && *t.warning != *t.critical {
		return t, fmt.Errorf("is %q, and what is critical would be less than what is a warning", text)
	}
	return t, nil
}

func (u unit) example(low bool) string {
	switch {
	case u == unitTime && low:
		return "6h,1h"
	case u == unitTime:
		return "15m,1h"
	case u == unitPercent:
		return "80,90"
	}
	return "10000,100000"
}

func (u unit) parse(text string) (float64, error) {
	if u == unitTime {
		d, err := parseDuration(text)
		if err == nil && d < 0 {
			err = fmt.Errorf("is %q; it must not be negative", text)
		}
		return d.Seconds(), err
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0) || u == unitPercent && v > 100 {
		return 0, fmt.Errorf("is %q, expected %s or - for never", text, map[unit]string{unitPercent: "0 to 100", unitCount: "a number"}[u])
	}
	return v, nil
}

// show writes a value for people.
func (u unit) show(v float64) string {
	switch u {
	case unitTime:
		return span(time.Duration(v * float64(time.Second)).Round(time.Second))
	case unitPercent:
		return strconv.FormatFloat(v, 'f', 1, 64) + " %"
	}
	return number(int64(v))
}

// status is what a monitoring plugin says; its number is the exit code.
type status uint8

const (
	statusOK status = iota
	statusWarning
	statusCritical
	statusUnknown
)

func (s status) String() string {
	return [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[s]
}

// MarshalText makes it a word in JSON.
func (s status) MarshalText() ([]byte, error) { //nolint:unparam // as encoding.TextMarshaler has it
	return []byte(s.String()), nil
}

// worse returns the one that matters more: not to know is worse than to be well,
// and better than to know of trouble.
func (s status) worse(o status) status {
	rank := [...]int{statusOK: 0, statusUnknown: 1, statusWarning: 2, statusCritical: 3}
	if rank[o] > rank[s] {
		return o
	}
	return s
}

// judge compares a value; low says that less is worse.
func (t threshold) judge(v float64, low bool) status {
	beyond := func(limit *float64) bool { return limit != nil && (low && v <= *limit || !low && v >= *limit) }
	switch {
	case beyond(t.critical):
		return statusCritical
	case beyond(t.warning):
		return statusWarning
	}
	return statusOK
}

// samples are what /metrics shows, by name; of several with one name their sum.
type samples map[string]float64

// parseSamples reads the text format of Prometheus, as far as the ledger writes it:
// no timestamps, and no braces inside of label values.
func parseSamples(text string) samples {
	s := samples{}
	for line := range strings.Lines(text) {
		i := strings.LastIndexByte(strings.TrimSpace(line), ' ')
		if i <= 0 || line[0] == '#' {
			continue
		}
		name, _, _ := strings.Cut(line[:i], "{")
		if v, err := strconv.ParseFloat(strings.TrimSpace(line[i:]), 64); err == nil {
			s[name] += v
		}
	}
	return s
}
