package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/channels"
)

func newChannelsCommand(o *globalOptions) *cobra.Command {
	var profile string
	c := &cobra.Command{
		Use:   "channels",
		Short: "Show what each channel allows",
		Long: `Show what each channel allows to take back, natively or under the rules of a
profile. The table is part of this program, so it needs no ledger. (!) marks
rows whose vendor page could not be read; -o json and -o markdown say more.

    names  what a command can name: a device, or only a whole send with all its
           recipients, whose vendor id must have been reported with push.sent
    slot   what a push must have been sent with to be taken back: any text, a
           word of up to 32 letters, digits, - and _, a short one of up to 8, or
           an integer from 0 to 2147483647`,
		Example:     "  recall channels\n  recall channels --profile tpns\n  recall channels -o markdown > MATRIX.md",
		Annotations: map[string]string{annotationFormat: formatMarkdown},
		Args:        arguments(),
	}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		p := o.printer(cmd)
		if p.format == formatMarkdown {
			if cmd.Flags().Changed("profile") {
				return usagef("-o markdown shows every profile; leave out --profile")
			}
			_, err := io.WriteString(p.out, channels.Markdown())
			return err
		}
		rows, err := profileRows(profile)
		if err != nil {
			return err
		}
		return list(p, rows, rows, func() error { return p.channels(rows) })
	}
	c.Flags().StringVar(&profile, "profile", channels.Native, "rules to show: "+strings.Join(profiles(), ", "))
	complete(c, "profile", profiles()...)
	return c
}

func profiles() []string {
	var names []string
	for _, r := range channels.Rows() {
		if !slices.Contains(names, r.Profile) {
			names = append(names, r.Profile)
		}
	}
	return names
}

func profileRows(profile string) ([]channels.Row, error) {
	var rows []channels.Row
	for _, r := range channels.Rows() {
		if r.Profile == profile {
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		return nil, usagef("--profile %q is none of %s", profile, strings.Join(profiles(), ", "))
	}
	return rows, nil
}

func (p *printer) channels(rows []channels.Row) error {
	g := p.grid(column{name: "channel"}, column{name: "terminate"}, column{name: "recall"}, column{name: "override"},
		column{name: "names"}, column{name: "window"}, column{name: "slot"}, column{name: "reports"}, column{name: "checked"})
	var outside []string
	for i := range rows {
		r := &rows[i]
		if r.Outside {
			outside = append(outside, r.Channel)
			continue
		}
		window, slot, checked := "-", "-", r.Checked
		if r.Window > 0 {
			window = span(r.Window)
		}
		if r.NeedsSlot {
			slot = string(r.SlotForm)
		}
		if !r.Verified {
			checked += " (!)"
		}
		var reports []string
		if r.ReportsDisplay {
			reports = append(reports, "display")
		}
		if r.ReportsRemoval {
			reports = append(reports, "removal")
		}
		names := string(r.Granularity)
		if r.NeedsSend {
			names = "whole send"
		}
		if r.Terminate == channels.None && r.Recall == channels.None && r.Override == channels.None {
			names, window, slot = "-", "-", "-"
		}
		g.row(r.Channel, method(r.Terminate), method(r.Recall), method(r.Override), names, window, slot, strings.Join(reports, ", "), checked)
	}
	if err := g.render(p.out); err != nil {
		return err
	}
	if len(outside) > 0 {
		fmt.Fprintln(p.out)
		return p.wrapped("Not reached under this profile: ", strings.Join(outside, ", "))
	}
	return nil
}

func method(m channels.Method) painted {
	if m == channels.None {
		return painted{"-", dim}
	}
	return painted{string(m), ""}
}
