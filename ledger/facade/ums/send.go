package ums

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// The limits of an audience: docs.jiguang.cn/jums/server/
// rest_api_jums_custom_message, checked 2026-11-20.
const (
	maxUsers = 1000
	maxTags  = 20
)

// send is a request to send, of which the ledger keeps what tells the message
// apart later. Which audiences and messages exist grows with the vendor's
// channels, so they are known by their prefix.
type send map[string]json.RawMessage

func (h *Handler) sent(ctx context.Context, c *call) answer { return h.record(ctx, c, false, false) }
func (h *Handler) broadcast(ctx context.Context, c *call) answer {
	return h.record(ctx, c, true, false)
}
func (h *Handler) templateSent(ctx context.Context, c *call) answer {
	return h.record(ctx, c, false, true)
}
func (h *Handler) templateBroadcast(ctx context.Context, c *call) answer {
	return h.record(ctx, c, true, true)
}

// record makes a push known under a msgid of its own.
func (h *Handler) record(ctx context.Context, c *call, all, template bool) answer {
	var s send
	if err := json.Unmarshal(c.body, &s); err != nil || s == nil {
		return say(codeInvalid, "the body is not a JSON object")
	}
	p := &events.Created{Profile: facade.UMS}
	bad := s.audience(p, all)
	if bad == nil && template {
		bad = s.template(p)
	} else if bad == nil {
		bad = s.content(p)
	}
	if bad != nil {
		return *bad
	}
	sendno := s.options(p)
	unregistered, bad := s.receiver(p, c.key.ID, h.c.Receivers[c.key.ID])
	if bad != nil {
		return *bad
	}
	if seconds := s.lifetime(); seconds > 0 {
		at := h.c.Desk.Clock().Add(time.Duration(seconds) * time.Second).UTC()
		p.ExpireAt = &at
	}
	msgid := h.newMsgID()
	if _, err := h.c.Desk.Record(ctx, c.key.App, msgid, p); err != nil {
		return h.failed(ctx, c, err)
	}
	if unregistered {
		h.c.Logger.WarnContext(ctx, "a message names a callback URL that is not registered; the default one gets its statuses",
			slog.String("facade", facade.UMS), slog.String("app", c.key.App), slog.String("push", msgid))
	}
	a := say(codeSuccess, "")
	a.MsgID, a.SendNo = msgid, sendno
	return a
}

// newMsgID makes an id in the vendor's form, v:1t:1603707455p:27133n:2. There
// p and n are a process and its counter; here both are random, 64 bits in all.
func (h *Handler) newMsgID() string {
	d := h.c.Desk
	return fmt.Sprintf("v:1t:%dp:%dn:%d", d.Clock().Unix(), d.Random(), d.Random())
}

// list returns the entries of an array of texts or numbers.
func (s send) list(name string) ([]string, bool) {
	var raw []json.RawMessage
	if v, ok := s[name]; ok && json.Unmarshal(v, &raw) != nil {
		return nil, false
	}
	entries := make([]string, 0, len(raw))
	for _, r := range raw {
		t, ok := text(r)
		if !ok || t == "" {
			return nil, false
		}
		entries = append(entries, t)
	}
	return entries, true
}

// audience fills in to whom the message goes.
func (s send) audience(p *events.Created, all bool) *answer {
	named := map[string][]string{}
	for name := range s {
		if !strings.HasPrefix(name, "aud_") {
			continue
		}
		list, ok := s.list(name)
		if !ok {
			return fail(codeInvalid, name+" is not an array of texts")
		}
		if len(list) > 0 {
			named[name] = list
		}
	}
	users, tags := named["aud_userid"], named["aud_tag"]
	switch {
	case len(users) > maxUsers:
		return fail(codeTooManyUsers, "")
	case len(tags) > maxTags:
		return fail(codeInvalid, "aud_tag has more than 20 entries")
	case all && len(named) > 0:
		return fail(codeInvalid, "a broadcast goes to everybody and takes no aud_ parameter")
	case all:
		p.Audience.Kind = events.AudienceAll
	case len(named) == 0:
		return fail(codeInvalid, "no aud_ parameter says to whom the message goes")
	case len(named) == 1 && len(users) == 1:
		p.Audience = events.Audience{Kind: events.AudienceUser, Names: users}
	case len(named) == 1 && len(tags) > 0:
		p.Audience = events.Audience{Kind: events.AudienceTag, Names: tags}
	default:
		p.Audience.Kind = events.AudienceList
	}
	return nil
}

// messages returns the names of the messages in the request, sorted.
func (s send) messages() []string {
	var names []string
	for name, v := range s {
		if rest, ok := strings.CutPrefix(name, "msg_"); ok && !empty(v) {
			names = append(names, rest)
		}
	}
	slices.Sort(names)
	return names
}

// content fills in what a message of the client's own says.
func (s send) content(p *events.Created) *answer {
	names := s.messages()
	if len(names) == 0 {
		return fail(codeInvalid, "no msg_ parameter says what to send")
	}
	label(p, "messages", strings.Join(names, ","))
	for _, m := range s.pushes() {
		if p.Title, p.Body = m.words(); p.Title != "" || p.Body != "" {
			break
		}
	}
	return nil
}

// template fills in which template a message is made of.
func (s send) template(p *events.Created) *answer {
	if len(s.messages()) > 0 {
		return fail(codeTemplateMessage, "")
	}
	if empty(s["template_id"]) {
		return fail(codeNoTemplate, "")
	}
	id, ok := text(s["template_id"])
	if !ok || id == "" || len(id) > events.MaxLabel {
		return fail(codeBadTemplate, "")
	}
	label(p, "template_id", id)
	if empty(s["app_para"]) {
		return nil
	}
	var para struct {
		Platform json.RawMessage `json:"platform"`
	}
	if err := json.Unmarshal(s["app_para"], &para); err != nil {
		return fail(codeInvalid, "app_para is not an object")
	}
	if empty(para.Platform) {
		return fail(codeNoPlatform, "")
	}
	var one string
	var many []string
	if json.Unmarshal(para.Platform, &one) != nil && (json.Unmarshal(para.Platform, &many) != nil || len(many) == 0) {
		return fail(codeBadPlatform, "")
	}
	return nil
}

// options keeps the options that name a message, and returns the sendno.
func (s send) options(p *events.Created) string {
	var o map[string]json.RawMessage
	// What is no object has no option worth keeping.
	_ = json.Unmarshal(s["option"], &o)
	rule, _ := text(s["rule_id"])
	label(p, "rule_id", rule)
	owner, _ := text(o["owner"])
	label(p, "owner", owner)
	sendno, _ := text(o["sendno"])
	sendno = facade.Clean(sendno, events.MaxLabel)
	label(p, "sendno", sendno)
	return sendno
}

// maxLifetime is the longest time_to_live taken over, in seconds.
const maxLifetime = 30 * 24 * 3600

// lifetime returns for how many seconds delivery is tried; 0 when nothing says so.
func (s send) lifetime() int64 {
	var longest int64
	for _, m := range s.pushes() {
		longest = max(longest, m.Options.Lifetime)
	}
	var para struct {
		Lifetime int64 `json:"time_to_live"`
	}
	if json.Unmarshal(s["app_para"], &para) == nil {
		longest = max(longest, para.Lifetime)
	}
	return min(longest, maxLifetime)
}

// label keeps a text of the client beside the push.
func label(p *events.Created, name, value string) {
	if value = facade.Clean(value, events.MaxLabel); value == "" {
		return
	}
	if p.Labels == nil {
		p.Labels = map[string]string{}
	}
	p.Labels[name] = value
}

// empty reports whether a parameter is absent or says nothing.
func empty(v json.RawMessage) bool {
	switch string(v) {
	case "", "null", "[]", "{}", `""`, "0":
		return true
	}
	return false
}

// text returns a text, or a number as it was written.
func text(v json.RawMessage) (string, bool) {
	var t string
	if json.Unmarshal(v, &t) == nil {
		return t, string(v) != "null"
	}
	var n json.Number
	if json.Unmarshal(v, &n) == nil {
		if _, err := strconv.ParseFloat(n.String(), 64); err == nil {
			return n.String(), true
		}
	}
	return "", false
}

func fail(c code, text string) *answer {
	a := say(c, text)
	return &a
}
