package mpaas

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// The labels of a push that was recorded here.
const (
	labelApp       = "app_id"
	labelWorkspace = "workspace_id"
	labelMethod    = "method"
	labelDelivery  = "delivery_type"
	labelExpiry    = "expired_seconds"
	labelTask      = "task_name"
	labelTemplate  = "template"
	labelSilent    = "silent"
	labelURI       = "uri"
	labelKey       = "msg_key"
)

// The kinds of a push, as QueryPushSchedulerList numbers them.
const (
	methodSimple = iota
	methodTemplate
	methodMultiple
	methodBroadcast
)

// Delivery types: help.aliyun.com/en/document_detail/2871127.html, checked
// 2026-11-20. 5 and 6 name a Live Activity of a device.
const deliveryUser = 3

func deliveries(method int) []int64 {
	switch method {
	case methodMultiple:
		return []int64{1, 2, deliveryUser, 7}
	case methodBroadcast:
		return []int64{1, 2, 7}
	}
	return []int64{1, 2, deliveryUser, 5, 6, 7}
}

func (h *Handler) pushSimple(ctx context.Context, c *call) (any, error) {
	d, err := h.draft(c, methodSimple)
	if err != nil {
		return nil, err
	}
	t := Template{Title: c.values["Title"], Content: c.values["Content"]}
	if t.Title == "" || t.Content == "" {
		return nil, invalid("Title and Content are mandatory")
	}
	return h.messages(ctx, c, d, t)
}

func (h *Handler) pushTemplate(ctx context.Context, c *call) (any, error) {
	d, err := h.draft(c, methodTemplate)
	if err != nil {
		return nil, err
	}
	t, err := h.rendered(c)
	if err != nil {
		return nil, err
	}
	return h.messages(ctx, c, d, t)
}

// messages records one push for each target, under its message id. Of a
// scheduled push it returns the ids, which are what cancels it.
func (h *Handler) messages(ctx context.Context, c *call, d *draft, t Template) (any, error) {
	list, err := c.targets(d.delivery)
	if err != nil {
		return nil, err
	}
	kind := events.AudienceDevice
	if d.delivery == deliveryUser {
		kind = events.AudienceUser
	}
	var ids []string
	for _, p := range list {
		if err := h.record(ctx, c, p.value, d.created(t, events.Audience{Kind: kind, Names: []string{p.key}})); err != nil {
			return nil, err
		}
		ids = append(ids, p.value)
	}
	if d.at == nil {
		return "", nil
	}
	return strings.Join(ids, ","), nil
}

// pushMultiple records a task. Its id is made of all that was asked for, so that
// a client's retry gets the same task.
func (h *Handler) pushMultiple(ctx context.Context, c *call) (any, error) {
	d, err := h.draft(c, methodMultiple)
	if err != nil {
		return nil, err
	}
	t, err := h.template(c)
	if err != nil {
		return nil, err
	}
	list, err := c.batch(d.delivery)
	if err != nil {
		return nil, err
	}
	// Where everybody gets the same text it is known; else the template's own
	// text stands for the many.
	var first Template
	same := true
	for i, one := range list {
		text, err := t.render(one.values)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			first = text
		}
		same = same && text == first
	}
	if same {
		t = first
	}
	var parts []string
	for _, name := range c.content() {
		parts = append(parts, name, c.values[name])
	}
	id := taskID(append([]string{"multiple", c.app}, parts...)...)
	return id, h.record(ctx, c, id, d.created(t, events.Audience{Kind: events.AudienceList}))
}

// pushBroadcast records a task. Its id is made of the message key, which the
// vendor wants to be unique.
func (h *Handler) pushBroadcast(ctx context.Context, c *call) (any, error) {
	d, err := h.draft(c, methodBroadcast)
	if err != nil {
		return nil, err
	}
	key, err := c.need("Msgkey")
	if err != nil {
		return nil, err
	}
	t, err := h.rendered(c)
	if err != nil {
		return nil, err
	}
	d.labels[labelKey] = facade.Clean(key, events.MaxLabel)
	id := taskID("broadcast", c.app, c.values["AppId"], c.values["WorkspaceId"], key)
	return id, h.record(ctx, c, id, d.created(t, events.Audience{Kind: events.AudienceAll}))
}

// draft is what the four pushes have in common.
type draft struct {
	delivery int64
	expiry   time.Duration
	// at is when a scheduled push starts; now is the time of the call.
	at     *time.Time
	now    time.Time
	labels map[string]string
}

func (h *Handler) draft(c *call, method int) (*draft, error) {
	d := &draft{now: h.c.Desk.Clock()}
	var err error
	if d.delivery, err = c.number("DeliveryType", 0); err != nil {
		return nil, err
	}
	if !slices.Contains(deliveries(method), d.delivery) {
		if method == methodBroadcast && d.delivery == deliveryUser {
			return nil, failed(resultBroadcastUsers, "a broadcast goes to devices")
		}
		return nil, failed(resultDeliveryType, "DeliveryType is none of %v", deliveries(method))
	}
	seconds, err := c.number("ExpiredSeconds", 0)
	switch {
	case err != nil || seconds <= 0:
		return nil, failed(resultExpiry, "ExpiredSeconds is not a number of seconds")
	case seconds > int64(MaxExpiry/time.Second):
		return nil, failed(resultExpiryTooLong, "ExpiredSeconds is over %d", int64(MaxExpiry/time.Second))
	}
	d.expiry = time.Duration(seconds) * time.Second
	if d.at, err = c.schedule(); err != nil {
		return nil, err
	}
	d.labels = map[string]string{
		labelApp: c.values["AppId"], labelWorkspace: c.values["WorkspaceId"], labelMethod: strconv.Itoa(method),
		labelDelivery: strconv.FormatInt(d.delivery, 10), labelExpiry: strconv.FormatInt(seconds, 10),
	}
	for label, name := range map[string]string{labelTask: "TaskName", labelTemplate: "TemplateName", labelSilent: "Silent", labelURI: "Uri"} {
		if v := c.values[name]; v != "" {
			d.labels[label] = facade.Clean(v, events.MaxLabel)
		}
	}
	return d, nil
}

// created describes the push that goes out with a text to an audience.
func (d *draft) created(t Template, a events.Audience) *events.Created {
	start := d.now
	if d.at != nil {
		start = *d.at
	}
	expire := start.Add(d.expiry).UTC()
	return &events.Created{
		Title: plain(t.Title), Body: plain(t.Content), Audience: a, ScheduleAt: d.at, ExpireAt: &expire,
		Profile: facade.MPaaS, Labels: d.labels,
	}
}

// record makes a push known under an id.
func (h *Handler) record(ctx context.Context, c *call, id string, p *events.Created) error {
	// A repeated call is the same push: its expiry counts from the first.
	known, err := h.c.Desk.Push(ctx, c.app, id)
	if err != nil {
		return err
	}
	if known != nil && known.Created != nil {
		p.ExpireAt = known.Created.ExpireAt
	}
	_, err = h.c.Desk.Record(ctx, c.app, id, p)
	return err
}

// taskID makes a decimal id of texts, as the vendor's task ids are.
func taskID(parts ...string) string {
	s := sha256.New()
	for _, p := range parts {
		s.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		s.Write([]byte(p))
	}
	return strconv.FormatUint(binary.BigEndian.Uint64(s.Sum(nil))>>1, 10)
}

// content lists the names of the parameters that are not the transport's.
func (c *call) content() []string {
	var names []string
	for name := range c.values {
		switch name {
		case paramAction, paramVersion, paramFormat, paramKey, paramSignature, paramSignatureMethod, paramSignatureVersion,
			paramSignatureType, paramNonce, paramTimestamp, "RegionId", "SecurityToken":
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// plain writes line breaks as the ledger keeps them.
func plain(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }
