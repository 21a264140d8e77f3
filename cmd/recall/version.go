package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// buildInfo is what this program was built from.
type buildInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// build reads what the Go toolchain writes into every binary, so that no build
// needs flags of its own.
func build() buildInfo {
	v := buildInfo{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func newVersionCommand(o *globalOptions) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show which build this is",
		Long:    "Show the version of this program and what it was built from.",
		Example: "  recall version -o json",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := build()
			p := o.printer(cmd)
			return p.value(v, func() error {
				modified := ""
				if v.Modified {
					modified = " and changes"
				}
				return p.facts(fact{"recall", v.Version}, fact{"revision", v.Revision + modified}, fact{"time", v.Time},
					fact{"go", v.Go}, fact{"platform", v.Platform})
			})
		},
	}
}
