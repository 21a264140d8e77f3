package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/recall-ledger/recall-ledger/ledger/node"
)

func newServeCommand(o *globalOptions) *cobra.Command {
	var path string
	var check bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run a ledger",
		Long: `Run a ledger: the log, the projection, the channels and the API, in one process
and one data folder. Without any flag it listens on this machine only and needs
no credentials; elsewhere it wants TLS and keys (recall key create).

Every setting can stand in a file (--config, YAML), in the environment and, most
of them, in a flag; a flag wins over the environment, the environment over the
file. --check says what is in effect, and what is wrong, without starting.

` + settingsHelp() + `
The file may also hold the lists keys (credentials of callers), facades, callbacks,
webhooks and vendors; deploy/recall.yaml shows and explains all of it.

The first SIGTERM or SIGINT stops in order: what was accepted is on disk. A second
one stops at once.`,
		Example: `  recall serve
  recall serve --data /var/lib/recall --config /etc/recall.yml
  recall serve --config /etc/recall.yml --check`,
		Args: arguments(),
	}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		config, err := nodeConfig(cmd, path)
		if err != nil {
			return err
		}
		if check {
			return o.checkServe(cmd, config)
		}
		return o.serve(cmd, config)
	}
	f := c.Flags()
	f.StringVar(&path, "config", "", "configuration file, YAML (RECALL_CONFIG)")
	f.BoolVar(&check, "check", false, "say what is in effect and what is wrong, and do not start")
	registerSettings(f)
	complete(c, "log-level", "debug", "info", "warn", "error")
	complete(c, "log-format", "text", "json")
	return c
}

// registerSettings makes a flag of every setting that has one. Their values are
// read by loadConfig; the defaults shown are those of the node.
func registerSettings(f *pflag.FlagSet) {
	defaults, err := loadConfig("", nil, pflag.NewFlagSet("", pflag.ContinueOnError))
	if err != nil {
		panic(err) // the node's own defaults are always in order
	}
	for _, s := range settings() {
		switch v := defaults.values[s.key]; {
		case s.flag == "":
		case s.kind == kindBool:
			f.Bool(s.flag, false, s.help)
		case v == "":
			f.String(s.flag, "", s.help)
		default:
			f.String(s.flag, s.show(v), s.help)
		}
	}
}

// settingsHelp is the table of names for the help text.
func settingsHelp() string {
	rows := [][3]string{{"in the file", "in the environment", "as a flag"}}
	var wide [2]int
	for _, s := range settings() {
		if s.kind == kindList {
			continue
		}
		row := [3]string{s.key, s.env}
		if s.flag != "" {
			row[2] = "--" + s.flag
		}
		rows = append(rows, row)
		wide = [2]int{max(wide[0], len(s.key)), max(wide[1], len(s.env))}
	}
	var b strings.Builder
	for _, r := range rows {
		b.WriteString(strings.TrimRight(fmt.Sprintf("    %-*s  %-*s  %s", wide[0], r[0], wide[1], r[1], r[2]), " ") + "\n")
	}
	return b.String()
}

// nodeConfig reads the configuration of a node as a command's flags, the environment
// and a file have it; "" is the file that the environment names.
func nodeConfig(cmd *cobra.Command, path string) (*serveConfig, error) {
	if path == "" {
		path = os.Getenv("RECALL_CONFIG")
	}
	config, err := loadConfig(path, os.Environ(), cmd.Flags())
	if err != nil {
		return nil, configProblem(err)
	}
	return config, nil
}

// configProblem lists what is wrong with the configuration, one line each.
func configProblem(err error) error {
	lines := strings.Split(err.Error(), "\n")
	if len(lines) == 1 {
		return exitf(exitError, "%s", lines[0])
	}
	return exitf(exitError, "the configuration is wrong:\n  %s", strings.Join(lines, "\n  "))
}

func (c *serveConfig) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	// The level was checked when the configuration was read.
	_ = level.UnmarshalText([]byte(c.level))
	options := &slog.HandlerOptions{Level: level}
	if c.format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

func (o *globalOptions) serve(cmd *cobra.Command, c *serveConfig) error {
	ctx, errs := cmd.Context(), cmd.ErrOrStderr()
	log := c.logger(errs)
	for _, w := range c.warnings {
		log.WarnContext(ctx, "the environment looks misspelt", slog.String("warning", w))
	}
	c.node.Logger, c.node.Version = log, build().Version
	if err := c.node.Validate(); err != nil {
		return configProblem(err)
	}
	n, err := node.Start(ctx, c.node)
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		// Told to stop before anything was accepted: that is an end in order.
		log.Info("stopped while starting")
		return nil
	}
	if err != nil {
		return startProblem(err)
	}
	o.announce(ctx, errs, log, c, n)
	tell(log, daemon.SdNotifyReady)
	done := make(chan struct{})
	go func() {
		select {
		case <-ctx.Done():
			tell(log, daemon.SdNotifyStopping)
			log.Info("stopping; a second signal stops at once")
		case <-done:
		}
	}()
	err = n.Run(ctx)
	close(done)
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// tell says where the node stands to a service manager that waits for it, as
// systemd does with Type=notify; elsewhere to nobody.
func tell(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("the service manager could not be told", slog.String("state", state), slog.String("error", err.Error()))
	}
}

// startProblem adds what to do about what people run into.
func startProblem(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "listen" {
		return exitf(exitError, "%w; is a ledger running already? Choose another address with --listen", err)
	}
	// In its own words: what ran out of time is no ledger that --api names.
	return exitf(exitError, "%w", err)
}

// announce says what runs where. In JSON logs it is one record, since what
// reads them expects nothing else on standard error.
func (o *globalOptions) announce(ctx context.Context, w io.Writer, log *slog.Logger, c *serveConfig, n *node.Node) {
	if o.quiet {
		return
	}
	scheme := "http://"
	if c.node.HTTP.TLSCert != "" {
		scheme = "https://"
	}
	storage := "embedded server, every write synced to disk (sync_interval: always)"
	if c.node.NATS.URL != "" || c.node.NATS.Context != "" {
		storage = fmt.Sprintf("NATS at %s, %s", redacted(cmp.Or(c.node.NATS.URL, "context "+c.node.NATS.Context)), plural(c.node.NATS.Replicas, "copy", "copies"))
	}
	open := len(c.node.Keys) == 0
	if c.format == "json" {
		log.InfoContext(ctx, "serving", slog.String("api", scheme+n.Address()), slog.String("data", c.node.Data),
			slog.String("log", storage), slog.String("devices", n.DeviceURL()), slog.Bool("open", open), slog.String("version", c.node.Version))
		return
	}
	maxAge, _ := findSetting("log.max_age")
	lines := []string{
		"Recall Ledger " + c.node.Version,
		"  api      " + scheme + n.Address(),
		"  data     " + c.node.Data,
		"  log      " + storage,
		fmt.Sprintf("           kept for %s, at most %s", maxAge.show(c.node.Log.MaxAge), exactSize(c.node.Log.MaxBytes)),
		fmt.Sprintf("  recalls  up to %s after a push", maxAge.show(c.node.Recall.Window)),
	}
	if url := n.DeviceURL(); url != "" {
		lines = append(lines, "  devices  "+url)
	}
	switch {
	case open && c.node.HTTP.BehindProxy:
		lines = append(lines, "  WARNING  no keys are configured: the ledger trusts whatever is in front of it with every app")
	case open:
		lines = append(lines, "  access   open: everybody on this machine may do everything; see recall key create")
	default:
		lines = append(lines, "  access   "+plural(len(c.node.Keys), "key", "keys"))
	}
	fmt.Fprintln(w, cleanLines(strings.Join(lines, "\n")))
}
