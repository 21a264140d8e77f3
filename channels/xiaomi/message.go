package xiaomi

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// The limits of texts, in characters: "shorter than" (pId=1559).
const (
	maxTitle       = 50
	maxDescription = 128
)

// kind is a way to name targets.
type kind struct {
	prefix             string
	send, sendTargets  string
	revoke, revokeList string
}

// kinds returns the ways to name targets; the last one takes what the others do not.
func (c Config) kinds() []kind {
	return []kind{
		{"alias:", c.Paths.SendAlias, "alias", c.Paths.RevokeAlias, c.Unverified.Aliases},
		{"account:", c.Paths.SendAccount, "user_account", c.Paths.RevokeAccount, c.Unverified.Accounts},
		{"", c.Paths.SendRegid, "registration_id", c.Paths.RevokeRegid, c.Unverified.Regids},
	}
}

// batch is the targets of one call. At says where each stands in the command.
type batch struct {
	kind    kind
	targets []string
	at      []int
}

// batches divides devices among calls. A device that cannot be named in a list is
// in none of them.
func (c Config) batches(devices []string) []batch {
	var all []batch
	for _, k := range c.kinds() {
		var b batch
		for i, d := range devices {
			if c.kindOf(d) != k.prefix {
				continue
			}
			target := strings.TrimPrefix(d, k.prefix)
			if !call.Single(target, ",") {
				continue
			}
			if len(b.targets) == c.Unverified.PerCall {
				all, b = append(all, b), batch{}
			}
			b.kind, b.targets, b.at = k, append(b.targets, target), append(b.at, i)
		}
		if len(b.targets) > 0 {
			all = append(all, b)
		}
	}
	return all
}

func (c Config) kindOf(device string) string {
	for _, k := range c.kinds() {
		if strings.HasPrefix(device, k.prefix) {
			return k.prefix
		}
	}
	return ""
}

// revoke is the request that takes the notifications of a batch away.
func (c Config) revoke(cmd channels.Command, b batch) call.Request {
	return c.post(b.kind.revoke, url.Values{
		b.kind.revokeList:     {strings.Join(b.targets, ",")},
		c.Unverified.Package:  {c.Package},
		c.Unverified.NotifyID: {cmd.Slot},
	})
}

// overwrite is the request that shows another text in their place, or beside them.
func (c Config) overwrite(cmd channels.Command, b batch) call.Request {
	title, text := call.Texts(cmd)
	form := url.Values{
		b.kind.sendTargets:        {strings.Join(b.targets, ",")},
		"restricted_package_name": {c.Package},
		"pass_through":            {"0"}, // a notification, not a message to the app
		"title":                   {title},
		"description":             {text},
		"extra.notify_effect":     {"1"}, // a tap opens the app
	}
	if !cmd.Forced {
		form.Set("notify_id", cmd.Slot)
	}
	if c.ChannelID != "" {
		form.Set("extra.channel_id", c.ChannelID)
	}
	return c.post(b.kind.send, form)
}

// stop is the request that stops a send for all its recipients.
func (c Config) stop(send string) call.Request {
	return c.post(c.Unverified.Stop, url.Values{
		c.Unverified.StopID:  {send},
		c.Unverified.Package: {c.Package},
	})
}

func (c Config) post(path string, form url.Values) call.Request {
	return call.Request{
		URL: c.BaseURL + path, Type: call.TypeForm, Body: []byte(form.Encode()),
		Header: map[string]string{"Authorization": "key=" + c.AppSecret}, // "key" in lower case (pId=1559)
	}
}

// fits reports whether the texts are within MiPush's limits.
func fits(cmd channels.Command) bool {
	title, text := call.Texts(cmd)
	return utf8.RuneCountInString(title) < maxTitle && utf8.RuneCountInString(text) < maxDescription
}
