package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// usualLimits are the thresholds without flags.
func usualLimits(t *testing.T) map[string]threshold {
	t.Helper()
	limits := map[string]threshold{}
	for _, k := range checks() {
		l, err := parseThreshold(k.usual, k.unit, k.low)
		if err != nil {
			t.Fatalf("%s: %v", k.name, err)
		}
		limits[k.name] = l
	}
	return limits
}

const wellNode = `# HELP recall_ledger_ready ...
recall_ledger_ready 1
recall_ledger_projection_lag_events{partition="0"} 12
recall_ledger_projection_lag_seconds 0
recall_ledger_log_bytes 100
recall_ledger_log_limit_bytes 1000
recall_ledger_disk_free_bytes 500
recall_ledger_disk_total_bytes 1000
recall_ledger_recalls_unsettled 1
recall_ledger_recall_oldest_unsettled_seconds 899
recall_ledger_recall_window_left_seconds 5e+05
recall_ledger_dead_letter_oldest_seconds 0
recall_channel_held_apps{channel="apns"} 0
recall_channel_held_apps{channel="vivo"} 0
`

// TestChecks: what each check says of a node that differs from a well one in one
// line.
func TestChecks(t *testing.T) {
	limits := usualLimits(t)
	for _, tt := range []struct {
		check, line, instead string
		want                 status
		text                 string
	}{
		{"lag", "", "", statusOK, "12"},
		{"lag", "recall_ledger_projection_lag_events{partition=\"0\"} 12", "recall_ledger_projection_lag_events{partition=\"0\"} 10000", statusWarning, "10,000"},
		{"lag", "recall_ledger_projection_lag_events{partition=\"0\"} 12", "recall_ledger_projection_lag_events{partition=\"0\"} 100000", statusCritical, "100,000"},
		{"lag", "recall_ledger_projection_lag_events{partition=\"0\"} 12", "", statusUnknown, "the node does not say"},
		{"lag-age", "lag_seconds 0", "lag_seconds 30.4", statusWarning, "30s"},
		{"log", "recall_ledger_log_bytes 100", "recall_ledger_log_bytes 900", statusCritical, "90.0 %"},
		{"log", "recall_ledger_log_limit_bytes 1000", "recall_ledger_log_limit_bytes 0", statusUnknown, "the node does not say"},
		{"disk", "disk_free_bytes 500", "disk_free_bytes 199", statusWarning, "80.1 %"},
		{"disk", "disk_free_bytes 500", "disk_free_bytes 0", statusCritical, "100.0 %"},
		{"slow", "", "", statusOK, "14m 59s"},
		{"slow", "unsettled_seconds 899", "unsettled_seconds 3600", statusCritical, "1h"},
		{"window", "", "", statusOK, "5d 18h"},
		{"window", "left_seconds 5e+05", "left_seconds 21600", statusWarning, "6h"},
		{"window", "left_seconds 5e+05", "left_seconds -5", statusCritical, "-5s"},
		{"window", "recall_ledger_recall_window_left_seconds 5e+05", "", statusUnknown, "the node does not say"},
		{"dead-letters", "letter_oldest_seconds 0", "letter_oldest_seconds 86400", statusCritical, "1d"},
		{"held", `{channel="vivo"} 0`, `{channel="vivo"} 2`, statusWarning, "2"},
	} {
		text := strings.Replace(wellNode, tt.line, tt.instead, 1)
		if tt.line != "" && text == wellNode {
			t.Fatalf("%q is no line of a node", tt.line)
		}
		s := parseSamples(text)
		for _, k := range checks() {
			got := k.find(s, limits[k.name])
			switch {
			case k.name == tt.check && (got.Status != tt.want || got.Text != tt.text):
				t.Errorf("%s with %q: %s, %q; want %s, %q", k.name, tt.instead, got.Status, got.Text, tt.want, tt.text)
			case k.name != tt.check && got.Status != statusOK:
				t.Errorf("%s with %q: %s is %s", tt.check, tt.instead, k.name, got.Status)
			}
		}
	}
}

// TestHealth: the worst counts, and every form tells it.
func TestHealth(t *testing.T) {
	limits, h := usualLimits(t), &health{}
	s := parseSamples(strings.Replace(wellNode, "recall_ledger_recall_window_left_seconds 5e+05\n", "", 1))
	s["recall_ledger_log_bytes"] = 850
	for _, k := range checks() {
		if k.name == "log" || k.name == "window" || k.name == "held" {
			h.add(k.find(s, limits[k.name]))
		}
	}
	want := "RECALL WARNING: log 85.0 %, window the node does not say | log=85%;80;90 held=0;1;\n" +
		"log: WARNING: 85.0 %\nwindow: UNKNOWN: the node does not say\nheld: OK: 0"
	if diff := cmp.Diff(want, h.nagios()); diff != "" || h.Code != 1 {
		t.Errorf("code %d, text (-want +got):\n%s", h.Code, diff)
	}
	want = `# HELP recall_check_status 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, by check; the worst without one.
# TYPE recall_check_status gauge
recall_check_status 1
recall_check_status{check="log"} 1
recall_check_status{check="window"} 3
recall_check_status{check="held"} 0
# HELP recall_check_value What was found, in seconds, percent or a count.
# TYPE recall_check_value gauge
recall_check_value{check="log"} 85
recall_check_value{check="held"} 0`
	if diff := cmp.Diff(want, h.prometheus()); diff != "" {
		t.Errorf("prometheus (-want +got):\n%s", diff)
	}
	low := finding{Check: "window", Value: new(7.5), Warning: new(21600.0), Critical: new(3600.0), of: &check{unit: unitTime, low: true}}
	if got := low.figure(); got != "window=7.5s;21600:;3600:" {
		t.Errorf("a figure that must not be low is %s", got)
	}
}
