package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// The output formats. Every command can print the first three.
const (
	formatTable      = "table"
	formatJSON       = "json"
	formatNDJSON     = "ndjson"
	formatMarkdown   = "markdown"
	formatPrometheus = "prometheus"
	formatCSV        = "csv"
)

// annotationFormat marks a command that can print one more format, and says which.
const annotationFormat = "format"

// formats are those that a command can print.
func formats(cmd *cobra.Command) []string {
	list := []string{formatTable, formatJSON, formatNDJSON}
	if more := cmd.Annotations[annotationFormat]; more != "" {
		list = append(list, more)
	}
	return list
}

// checkFormat refuses a format that a command cannot print, and names those that
// can.
func checkFormat(cmd *cobra.Command, format string) error {
	if format == "" || slices.Contains(formats(cmd), format) {
		return nil
	}
	all := strings.Join(formats(cmd), ", ")
	if can := printing(cmd.Root(), format); len(can) > 0 {
		return usagef("--output %s belongs to %s; %s prints %s", format, strings.Join(can, " and "), cmd.CommandPath(), all)
	}
	return usagef("--output %q is none of %s", format, all)
}

// printing are the commands below one that are marked with a format.
func printing(cmd *cobra.Command, format string) []string {
	var list []string
	for _, c := range cmd.Commands() {
		if c.Annotations[annotationFormat] == format {
			list = append(list, c.CommandPath())
		}
		list = append(list, printing(c, format)...)
	}
	return list
}

// completeFormat offers a command's formats in shells.
func completeFormat(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return formats(cmd), cobra.ShellCompDirectiveNoFileComp
}
