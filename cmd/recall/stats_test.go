package main

import (
	"testing"
	"time"
)

func TestTook(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                          "0s",
		1234 * time.Microsecond:    "1.23ms",
		375411 * time.Microsecond:  "375ms",
		2480826 * time.Microsecond: "2.48s",
		59 * time.Second:           "59s",
		125 * time.Second:          "2m 5s",
		26 * time.Hour:             "1d 2h",
	} {
		if got := took(d); got != want {
			t.Errorf("%s is written %s, want %s", d, got, want)
		}
	}
}

func TestSharePart(t *testing.T) {
	for want, c := range map[string]struct {
		n     int
		share float64
	}{
		"0":              {0, 0},
		"1 (<0.1%)":      {1, 0.000001},
		"12 (0.4%)":      {12, 0.004},
		"1,234 (100.0%)": {1234, 1},
		"9,999 (99.9%)":  {9999, 0.9999}, // what is not all is not 100 %
	} {
		if got := sharePart(c.n, c.share); got != want {
			t.Errorf("%d of %f is written %s, want %s", c.n, c.share, got, want)
		}
	}
}
