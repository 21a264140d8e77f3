package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// maxMetrics bounds what is read of /metrics, in bytes (L11).
const maxMetrics = 16 << 20

// check is one thing that recall check looks at.
type check struct {
	name string
	unit unit
	// low says that less is worse.
	low bool
	// usual is the threshold unless a flag says otherwise.
	usual string
	help  string
	// value finds the value; false means that the node does not show it.
	value func(samples) (float64, bool)
	// none is said in place of a value that the node does not show for a good
	// reason, "" when there is none.
	none func(samples) string
}

func metric(name string) func(samples) (float64, bool) {
	return func(s samples) (float64, bool) {
		v, ok := s[name]
		return v, ok
	}
}

// checks is the table of all of them; ready stands before them.
func checks() []check {
	return []check{
		{name: "lag", usual: "10000,100000", help: "events that the projection is behind the log", value: metric("recall_ledger_projection_lag_events")},
		{name: "lag-age", unit: unitTime, usual: "30s,2m", help: "how old the newest applied event is while newer ones wait", value: metric("recall_ledger_projection_lag_seconds")},
		{name: "log", unit: unitPercent, usual: "80,90", help: "how full the log is, in percent of its size limit", value: func(s samples) (float64, bool) {
			size, known := s["recall_ledger_log_bytes"]
			limit := s["recall_ledger_log_limit_bytes"]
			return 100 * size / limit, known && limit > 0
		}},
		{name: "disk", unit: unitPercent, usual: "80,90", help: "how full the disk with the node's data is, in percent", value: func(s samples) (float64, bool) {
			free, known := s["recall_ledger_disk_free_bytes"]
			total := s["recall_ledger_disk_total_bytes"]
			return 100 - 100*free/total, known && total > 0
		}},
		{name: "slow", unit: unitTime, usual: "15m,1h", help: "how long ago the oldest unsettled recall was accepted", value: metric("recall_ledger_recall_oldest_unsettled_seconds")},
		{name: "window", unit: unitTime, low: true, usual: "6h,1h", help: "time left until the window of an unsettled recall closes",
			value: metric("recall_ledger_recall_window_left_seconds"), none: func(s samples) string {
				if n, known := s["recall_ledger_recalls_unsettled"]; known && n == 0 {
					return "no recall is under way"
				}
				return ""
			}},
		{name: "dead-letters", unit: unitTime, usual: "1h,1d", help: "how long ago the oldest recall with refused commands was accepted", value: metric("recall_ledger_dead_letter_oldest_seconds")},
		{name: "held", usual: "1,-", help: "channels and apps whose calls the breaker holds back", value: metric("recall_channel_held_apps")},
	}
}

// finding is what came of a check.
type finding struct {
	Check  string `json:"check"`
	Status status `json:"status"`
	// Value is in seconds, percent or a count; absent when it is not known.
	Value    *float64 `json:"value,omitempty"`
	Warning  *float64 `json:"warning,omitempty"`
	Critical *float64 `json:"critical,omitempty"`
	Text     string   `json:"text"`

	of *check
}

// health is what recall check says.
type health struct {
	Status status    `json:"status"`
	Code   int       `json:"code"`
	Checks []finding `json:"checks"`
}

func (h *health) add(f finding) {
	h.Checks = append(h.Checks, f)
	h.Status = h.Status.worse(f.Status)
	h.Code = int(h.Status)
}

func newCheckCommand(o *globalOptions) *cobra.Command {
	thresholds := map[string]*string{}
	c := &cobra.Command{
		Use:   "check",
		Short: "Say whether a ledger is well, for monitoring",
		Long: `Say whether a ledger is well, of all apps: as a Nagios plugin does (one line with
performance data, then a line for each check), with -o json, or with -o prometheus
for the textfile collector. It reads /metrics and needs no credential. The figures
of recalls are up to 30 seconds old.

A threshold is WARNING,CRITICAL, and - is never. Exit codes are those of plugins
and not of the other commands: 0 OK, 1 WARNING, 2 CRITICAL (also when nobody
answers), 3 UNKNOWN (also for wrong usage).`,
		Example: `  recall check
  recall check --lag 1000,50000 --disk 70,85 --held 1,3
  recall check -o prometheus > /var/lib/node_exporter/recall.prom`,
		Annotations: map[string]string{annotationFormat: formatPrometheus, annotationPlugin: "yes"},
		Args:        arguments(),
	}
	for _, k := range checks() {
		thresholds[k.name] = c.Flags().String(k.name, k.usual, k.help)
	}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		limits := map[string]threshold{}
		for _, k := range checks() {
			t, err := parseThreshold(*thresholds[k.name], k.unit, k.low)
			if err != nil {
				return usagef("--%s %w", k.name, err)
			}
			limits[k.name] = t
		}
		if _, err := o.client(); err != nil {
			return err
		}
		h := o.examine(cmd.Context(), limits)
		if err := o.printer(cmd).health(h); err != nil {
			return err
		}
		if h.Status == statusOK {
			return nil
		}
		return &codedError{code: h.Code}
	}
	return c
}

// annotationPlugin marks a command whose exit codes are those of monitoring plugins.
const annotationPlugin = "plugin"

// pluginCode gives wrong usage the exit code that plugins have for it: 2 would say
// that the ledger is in trouble. What a plugin found it has printed, and its error
// has no message.
func pluginCode(cmd *cobra.Command, code int, message string) int {
	if cmd.Annotations[annotationPlugin] != "" && code == exitUsage && message != "" {
		return int(statusUnknown)
	}
	return code
}

// examine asks the ledger and judges what it says.
func (o *globalOptions) examine(ctx context.Context, limits map[string]threshold) *health {
	h := &health{}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	s, err := o.readSamples(ctx)
	if err != nil {
		var u *url.Error
		_, why := explain(err, o)
		f := finding{Check: "ready", Status: statusUnknown, Text: why}
		// What answers and is no ledger is not known to be in trouble.
		if errors.As(err, &u) {
			f.Status = statusCritical
		}
		h.add(f)
		return h
	}
	ready := finding{Check: "ready", Text: "takes requests"}
	if s["recall_ledger_ready"] != 1 {
		ready.Status, ready.Text = statusCritical, "not ready"
		if _, err := o.askReady(ctx); err != nil {
			_, ready.Text = explain(err, o)
		}
	}
	h.add(ready)
	for _, k := range checks() {
		h.add(k.find(s, limits[k.name]))
	}
	return h
}

func (k *check) find(s samples, t threshold) finding {
	f := finding{Check: k.name, Warning: t.warning, Critical: t.critical, of: k}
	v, known := k.value(s)
	if !known {
		f.Status, f.Text = statusUnknown, "the node does not say"
		if k.none != nil && k.none(s) != "" {
			f.Status, f.Text = statusOK, k.none(s)
		}
		return f
	}
	f.Value, f.Status, f.Text = &v, t.judge(v, k.low), k.unit.show(v)
	return f
}

// readSamples reads what the node shows to Prometheus.
func (o *globalOptions) readSamples(ctx context.Context) (samples, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(o.api, "/")+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxMetrics+1))
	if err != nil {
		return nil, err
	}
	s := parseSamples(string(b))
	if _, ok := s["recall_ledger_ready"]; resp.StatusCode != http.StatusOK || len(b) > maxMetrics || !ok {
		return nil, fmt.Errorf("what answers at %s is not a ledger: HTTP %d without its metrics", o.shownAPI(), resp.StatusCode)
	}
	return s, nil
}

// health prints in the form asked for.
func (p *printer) health(h *health) error {
	if p.format == formatPrometheus {
		return p.write([]byte(h.prometheus()))
	}
	return list(p, h, h.Checks, func() error {
		_, err := fmt.Fprintln(p.out, cleanLines(h.nagios()))
		return err
	})
}

// nagios is the form of monitoring plugins.
func (h *health) nagios() string {
	var trouble, figures, lines []string
	for _, f := range h.Checks {
		lines = append(lines, fmt.Sprintf("%s: %s: %s", f.Check, f.Status, f.Text))
		if f.Status != statusOK {
			trouble = append(trouble, f.Check+" "+f.Text)
		}
		if f.Value != nil {
			figures = append(figures, f.figure())
		}
	}
	if trouble == nil {
		trouble = []string{fmt.Sprintf("%d checks", len(h.Checks))}
	}
	// A bar would begin the performance data.
	head := "RECALL " + h.Status.String() + ": " + strings.ReplaceAll(strings.Join(trouble, ", "), "|", "/")
	if figures != nil {
		head += " | " + strings.Join(figures, " ")
	}
	return head + "\n" + strings.Join(lines, "\n")
}

// figure writes performance data: label=value[unit];warning;critical. A threshold
// with a colon is one below which it is bad.
func (f *finding) figure() string {
	limit := func(v *float64) string {
		switch {
		case v == nil:
			return ""
		case f.of.low:
			return decimal(*v) + ":"
		}
		return decimal(*v)
	}
	mark := map[unit]string{unitTime: "s", unitPercent: "%"}[f.of.unit]
	return fmt.Sprintf("%s=%s%s;%s;%s", strings.ReplaceAll(f.Check, "-", "_"), decimal(*f.Value), mark, limit(f.Warning), limit(f.Critical))
}

// prometheus is the text format.
func (h *health) prometheus() string {
	var b strings.Builder
	b.WriteString("# HELP recall_check_status 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, by check; the worst without one.\n# TYPE recall_check_status gauge\n")
	fmt.Fprintf(&b, "recall_check_status %d\n", h.Code)
	for _, f := range h.Checks {
		fmt.Fprintf(&b, "recall_check_status{check=%q} %d\n", f.Check, f.Status)
	}
	b.WriteString("# HELP recall_check_value What was found, in seconds, percent or a count.\n# TYPE recall_check_value gauge\n")
	for _, f := range h.Checks {
		if f.Value != nil {
			fmt.Fprintf(&b, "recall_check_value{check=%q} %s\n", f.Check, decimal(*f.Value))
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// decimal writes a number without an exponent, to three places.
func decimal(v float64) string {
	text := strconv.FormatFloat(v, 'f', 3, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
