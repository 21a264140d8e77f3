package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
)

func newKeyCommand(o *globalOptions) *cobra.Command {
	return group(&cobra.Command{
		Use:   "key",
		Short: "Make credentials",
		Long: `A key lets callers in, for one app and with some roles. The ledger keeps only a
hash of it, in its configuration; the token is shown once, when it is made.`,
		Example: "  recall key create --app shop --role publish",
	}, newKeyCreateCommand(o))
}

// keyAnswer is a new key as it is printed.
type keyAnswer struct {
	Token string   `json:"token"`
	ID    string   `json:"id"`
	App   string   `json:"app"`
	Roles []string `json:"roles"`
	Hash  string   `json:"hash"`
}

func newKeyCreateCommand(o *globalOptions) *cobra.Command {
	var roles []string
	c := &cobra.Command{
		Use:   "create --app APP --role ROLE",
		Short: "Make a credential: a token for the caller, and its entry for the configuration",
		Long: `Make a credential for an app. The token is printed once and is kept nowhere: give
it to the caller. The entry goes into the configuration of recall serve; it holds
a hash of the token, so it is no secret.

    publish  publish events and ask the gate
    read     read everything of the app
    recall   preview, request, follow, abort and re-drive recalls
    admin    everything, device credentials included`,
		Example: "  recall key create --app shop --role publish\n  recall key create --app shop --role read,recall -o json",
		Args:    arguments(),
	}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkKey(o.app, roles); err != nil {
			return err
		}
		k, token := api.NewKey(o.app, roles)
		p := o.printer(cmd)
		a := keyAnswer{Token: token, ID: k.ID, App: k.App, Roles: k.Roles, Hash: k.Hash}
		return p.value(a, func() error { return p.key(a) })
	}
	f := c.Flags()
	f.StringSliceVar(&roles, "role", nil, "what it may do: "+strings.Join(api.Roles(), ", ")+" (required, repeatable)")
	complete(c, "role", api.Roles()...)
	return c
}

func checkKey(app string, roles []string) error {
	if app == "" {
		return usagef("name the only app the key will see with --app")
	}
	if err := events.CheckApp("--app", app); err != nil {
		return usagef("%w", err)
	}
	if len(roles) == 0 {
		return usagef("say what the key may do with --role: %s", strings.Join(api.Roles(), ", "))
	}
	for _, r := range roles {
		if !slices.Contains(api.Roles(), r) {
			return usagef("--role %q is none of %s", r, strings.Join(api.Roles(), ", "))
		}
	}
	return nil
}

func (p *printer) key(a keyAnswer) error {
	type entry struct {
		ID    string   `yaml:"id"`
		Hash  string   `yaml:"hash"`
		App   string   `yaml:"app"`
		Roles []string `yaml:"roles,flow"`
	}
	b, err := yaml.Marshal(map[string][]entry{"keys": {{a.ID, a.Hash, a.App, a.Roles}}})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, `Token, shown this once; the caller sends it as RECALL_TOKEN:

%s

Entry for the configuration of recall serve (--config):

%s`, a.Token, b)
	return err
}
