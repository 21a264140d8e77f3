package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

func newFacadeCommand(o *globalOptions) *cobra.Command {
	return group(&cobra.Command{
		Use:   "facade",
		Short: "Let clients of mPaaS, TPNS, TIMPush or UMS in",
		Long: `Clients of four push systems can point at the ledger unchanged: they change their
endpoint and nothing else. Enter the key they sign with, and what it does is done
for the app. On the node's disk secrets are encrypted, and of those that are only
compared no more is kept than a hash. They are never shown again.`,
		Example: "  recall facade put ums my-channel-key --secret-file secret.txt\n  recall facade list",
	}, newFacadePutCommand(o), newFacadeListCommand(o), newFacadeDeleteCommand(o))
}

// maxSecretFile bounds what is read of a secret.
const maxSecretFile = facade.MaxSecret + 2

func newFacadePutCommand(o *globalOptions) *cobra.Command {
	var file, tokenFile string
	var secret api.FacadeSecret
	c := &cobra.Command{
		Use:   "put FACADE ID --secret-file FILE",
		Short: "Enter a key of a vendor client, or change its secret",
		Long: `Enter the key of a client, or replace all of it. FACADE is mpaas, tpns, timpush or
ums; ID is the vendor's own word: the AccessKeyId of mPaaS, the AccessId of TPNS, the
SDKAppID of TIMPush, the ChannelKey of UMS. The secret is read from a file, or from
standard input with -, so that it stands in no history. It needs a key with role admin.

A TPNS key takes Basic authentication and Sign, unless one of them is switched off.
Status callbacks of UMS need the secret itself, so they are set for keys that stand
in the node's configuration.

The callback of TIMPush is taken only with a token of your choice, since the vendor
signs none. Give the token here, and at the vendor the address
https://HOST/callbacks/timpush?token=TOKEN for the callback Push.AllMemberPush.`,
		Example: "  recall facade put timpush 1400000000 --secret-file secret.txt --callback-token-file token.txt\n" +
			"  recall facade put tpns 1500000000 --secret-file secret.txt --sign-only\n" +
			"  recall facade put ums my-channel-key --secret-file -",
		Args: arguments("FACADE", "ID"),
	}
	c.RunE = o.ask(func(ctx context.Context, client *api.Client, p *printer, args []string) error {
		if file == "-" && tokenFile == "-" {
			return usagef("the secret and the callback token cannot both come from standard input")
		}
		var err error
		if secret.Secret, err = readSecret("secret", file, c.InOrStdin()); err != nil {
			return err
		}
		if tokenFile != "" {
			if secret.CallbackToken, err = readSecret("callback-token", tokenFile, c.InOrStdin()); err != nil {
				return err
			}
		}
		a, err := client.PutFacade(ctx, args[0], args[1], secret)
		if err != nil {
			return err
		}
		return p.value(a, func() error {
			_, err := fmt.Fprintf(p.out, "clients of %s with key %s act for this app now\n", clean(a.Facade), clean(a.ID))
			return err
		})
	})
	f := c.Flags()
	f.StringVar(&file, "secret-file", "", "file with the secret, - for standard input (required)")
	f.StringSliceVar(&secret.Admins, "admin", nil, "TIMPush identifier that may act (repeatable, default administrator)")
	f.BoolVar(&secret.Disabled, "disabled", false, "refuse the key as the vendor refuses a disabled one")
	f.BoolVar(&secret.SignOnly, "sign-only", false, "TPNS: refuse Basic authentication, which sends the secret itself")
	f.BoolVar(&secret.BasicOnly, "basic-only", false, "TPNS: refuse Sign, so that only a hash of the secret is kept")
	f.StringVar(&tokenFile, "callback-token-file", "", "TIMPush: file with what the callback's address carries as token, - for standard input")
	return c
}

// readSecret reads a secret without the line break an editor leaves behind it;
// name is that of its flag, before -file.
func readSecret(name, file string, in io.Reader) (string, error) {
	what := strings.ReplaceAll(name, "-", " ")
	if file == "" {
		return "", usagef("say where the %s is with --%s-file FILE, or - for standard input", what, name)
	}
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxSecretFile))
	if err != nil {
		return "", fmt.Errorf("read the %s: %w", what, err)
	}
	b = bytes.TrimRight(b, "\r\n")
	if len(b) == 0 {
		return "", usagef("the %s is empty", what)
	}
	return string(b), nil
}

func newFacadeListCommand(o *globalOptions) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the keys of vendor clients",
		Long:    "List the keys with which vendor clients act for the app, without their secrets.",
		Example: "  recall facade list -o json",
		Args:    arguments(),
		RunE: o.ask(func(ctx context.Context, client *api.Client, p *printer, _ []string) error {
			list, err := client.Facades(ctx)
			if err != nil {
				return err
			}
			return p.value(list, func() error {
				if len(list) == 0 {
					_, err := fmt.Fprintln(p.out, "No vendor client is let in; see recall facade put --help.")
					return err
				}
				g := p.grid(column{name: "facade"}, column{name: "id"}, column{name: "admins"}, column{name: "options"})
				for _, k := range list {
					g.row(k.Facade, k.ID, strings.Join(k.Admins, ", "), strings.Join(facadeOptions(k), ", "))
				}
				return g.render(p.out)
			})
		}),
	}
}

// facadeOptions are the words of what is special about a key.
func facadeOptions(k api.FacadeCredential) []string {
	var words []string
	for _, o := range []struct {
		set  bool
		word string
	}{{k.Disabled, "disabled"}, {k.SignOnly, "sign only"}, {k.BasicOnly, "basic only"}, {k.Callback, "callback"}} {
		if o.set {
			words = append(words, o.word)
		}
	}
	return words
}

func newFacadeDeleteCommand(o *globalOptions) *cobra.Command {
	return &cobra.Command{
		Use:     "delete FACADE ID",
		Short:   "Delete a key of a vendor client",
		Long:    "Delete a key: clients that sign with it are refused from now on.",
		Example: "  recall facade delete ums my-channel-key",
		Args:    arguments("FACADE", "ID"),
		RunE: o.ask(func(ctx context.Context, client *api.Client, p *printer, args []string) error {
			done, err := client.DeleteFacade(ctx, args[0], args[1])
			if err != nil {
				return err
			}
			if !done {
				return &api.Problem{Status: 404, Code: "not-found", Detail: "there is no such key of this app"}
			}
			return p.value(api.FacadeDeleted{Deleted: true}, func() error {
				_, err := fmt.Fprintf(p.out, "the key %s of %s is deleted\n", clean(args[1]), clean(args[0]))
				return err
			})
		}),
	}
}
