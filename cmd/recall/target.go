package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// targetFlags say what to recall and how: preview and create share them, so
// that what is previewed is what is created.
type targetFlags struct {
	action                string
	device, channel, user string
	notice, language      string
	wholeSends            bool
	replacement           events.Replacement
}

func (t *targetFlags) register(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&t.action, "action", "", "what to do: cancel, terminate, recall or override (required)")
	f.StringVar(&t.device, "device", "", "only this device")
	f.StringVar(&t.channel, "channel", "", "the device's channel, where its id is used on several")
	f.StringVar(&t.user, "user", "", "only the devices of this user")
	f.StringVar(&t.notice, "notice", "", `text shown where a channel can only overwrite (default "Message revoked")`)
	f.StringVar(&t.language, "language", "", "language of that text where --notice gives none: "+strings.Join(ledger.Languages(), ", "))
	f.BoolVar(&t.wholeSends, "whole-sends", false, "on channels that cannot tell recipients apart take the message from all of them, those who clicked included; =false leaves it there")
	f.StringVar(&t.replacement.Title, "title", "", "title of the new push, for override")
	f.StringVar(&t.replacement.Body, "body", "", "text of the new push, for override")
	f.StringVar(&t.replacement.Push, "replacement", "", "id of the new push, for override (default: the ledger makes one)")
	f.BoolVar(&t.replacement.Force, "force", false, "for override: also send the new push where the old one cannot be replaced; both are shown then")
	var names []string
	for _, a := range channels.Actions() {
		names = append(names, string(a))
	}
	complete(c, "action", names...)
	complete(c, "language", ledger.Languages()...)
}

// request makes the request of the flags. What was given is passed on even
// where it makes no sense, since the ledger refuses it with the reason: a flag
// that is dropped could widen a recall (L9).
func (t *targetFlags) request(cmd *cobra.Command, push string) (api.RecallRequest, error) {
	r := api.RecallRequest{
		Push: push, Action: channels.Action(t.action), Notice: t.notice, Language: t.language,
		Scope: events.Scope{Device: t.device, Channel: t.channel, User: t.user},
	}
	if t.action == "" {
		return r, usagef("say what to do with --action: cancel, terminate, recall or override; see %s --help", cmd.CommandPath())
	}
	if !r.Action.Valid() {
		return r, usagef("--action %q is none of cancel, terminate, recall, override", t.action)
	}
	for name, value := range map[string]string{"device": t.device, "channel": t.channel, "user": t.user} {
		if cmd.Flags().Changed(name) && strings.TrimSpace(value) == "" {
			return r, usagef("--%s is empty; leave it out to mean the whole push", name)
		}
	}
	if r.Scope.Channel != "" && r.Scope.Device == "" {
		return r, usagef("--channel needs --device; a channel alone cannot be recalled")
	}
	if r.Scope.Device != "" && r.Scope.User != "" {
		return r, usagef("--device and --user exclude each other")
	}
	if cmd.Flags().Changed("whole-sends") {
		r.WholeSends = &t.wholeSends
	}
	if t.replacement != (events.Replacement{}) {
		if r.Action != channels.Override {
			return r, usagef("--title, --body, --replacement and --force belong to --action override")
		}
		r.Replacement = &t.replacement
	}
	return r, nil
}

// target says in words what a request concerns.
func target(r api.RecallRequest) string {
	switch s := r.Scope; {
	case s.User != "":
		return "push " + r.Push + " on the devices of user " + s.User
	case s.Device != "" && s.Channel != "":
		return "push " + r.Push + " on device " + s.Device + " (" + s.Channel + ")"
	case s.Device != "":
		return "push " + r.Push + " on device " + s.Device
	}
	return "push " + r.Push
}
