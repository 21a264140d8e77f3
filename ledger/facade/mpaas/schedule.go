package mpaas

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/projections"
)

// Push strategies: help.aliyun.com/en/document_detail/2871127.html, checked
// 2026-11-20.
const (
	strategyNow   = 0
	strategyTimed = 1
)

// schedule returns when a push starts, nil when at once.
func (c *call) schedule() (*time.Time, error) {
	strategy, err := c.number("StrategyType", strategyNow)
	if err != nil || strategy == strategyNow {
		return nil, err
	}
	if strategy != strategyTimed {
		// Each round of a loop would be a push of its own, and somebody would
		// have to make them.
		return nil, invalid("StrategyType %d is not offered; schedule each push with StrategyType 1", strategy)
	}
	var content struct {
		FixedTime json.Number `json:"fixedTime"`
	}
	if err := json.Unmarshal([]byte(c.values["StrategyContent"]), &content); err != nil {
		return nil, invalid("StrategyContent is not a JSON object with a fixedTime")
	}
	ms, err := content.FixedTime.Int64()
	if err != nil {
		return nil, invalid("StrategyContent has no fixedTime in milliseconds")
	}
	at := time.UnixMilli(ms).UTC()
	return &at, nil
}

// scheduled is one entry of the list.
type scheduled struct {
	UniqueID       string `json:"UniqueId"`
	ParentID       string `json:"ParentId"`
	PushTime       int64
	PushTitle      string
	PushContent    string
	Type           int
	DeliveryType   int
	StrategyType   int
	ExecutedStatus int
	CreateType     int
	GmtCreate      int64
}

type scheduledPage struct {
	TotalCount int
	List       []scheduled
}

// listScheduled lists the pushes that start within a time.
func (h *Handler) listScheduled(ctx context.Context, c *call) (any, error) {
	var start, end, method, number, size int64
	for _, p := range []struct {
		name     string
		to       *int64
		fallback int64
	}{
		{"StartTime", &start, -1}, {"EndTime", &end, -1}, {"Type", &method, -1}, {"PageNumber", &number, 1}, {"PageSize", &size, MaxPage},
	} {
		var err error
		if *p.to, err = c.number(p.name, p.fallback); err != nil {
			return nil, err
		}
	}
	switch {
	case start < 0 || end < 0:
		return nil, invalid("StartTime and EndTime are mandatory")
	case end < start:
		return nil, invalid("EndTime is before StartTime")
	case number < 1 || number > MaxList || size < 1 || size > MaxPage:
		return nil, invalid("PageNumber begins with 1 and PageSize is at most %d", MaxPage)
	}
	pushes, err := h.pushes(ctx, c)
	if err != nil {
		return nil, err
	}
	now := h.c.Desk.Clock()
	var list []scheduled
	for i := range pushes {
		p := &pushes[i]
		if e := entry(p, now); c.lists(p) && e.PushTime >= start && e.PushTime <= end && (method < 0 || int64(e.Type) == method) {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b scheduled) int {
		return cmp.Or(cmp.Compare(a.PushTime, b.PushTime), cmp.Compare(a.UniqueID, b.UniqueID))
	})
	page := scheduledPage{TotalCount: len(list), List: []scheduled{}}
	if from := (number - 1) * size; from < int64(len(list)) {
		page.List = list[from:min(from+size, int64(len(list)))]
	}
	for i := range page.List {
		e := &page.List[i]
		s, err := h.c.Desk.Ledger.State(c.app, e.UniqueID, events.Scope{})
		if err != nil {
			return nil, err
		}
		e.GmtCreate = s.Push.First.UnixMilli()
	}
	return page, nil
}

// pushes returns the push that the call names, or all of the app's.
func (h *Handler) pushes(ctx context.Context, c *call) ([]projections.Push, error) {
	if id := c.values["UniqueId"]; id != "" {
		p, err := h.c.Desk.Push(ctx, c.app, id)
		if err != nil || p == nil {
			return nil, err
		}
		return []projections.Push{*p}, nil
	}
	if err := h.c.Desk.Ledger.CatchUp(ctx); err != nil {
		return nil, err
	}
	var kept []projections.Push
	g, looked := projections.Page{Limit: projections.MaxPage}, 0
	for {
		list, next, err := h.c.Desk.Ledger.Pushes(c.app, g, h.c.Desk.Clock())
		if err != nil {
			return nil, err
		}
		for i := range list {
			if c.lists(&list[i]) {
				kept = append(kept, list[i])
			}
		}
		if looked += len(list); next == "" {
			return kept, nil
		}
		if looked >= MaxList {
			// A list that leaves some out would look complete.
			return nil, invalid("the app has more than %d pushes; ask for one by its UniqueId", MaxList)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		g.Cursor = next
	}
}

// lists reports whether the list has a push: scheduled here, for this AppId,
// and not cancelled.
func (c *call) lists(p *projections.Push) bool {
	return p.Created != nil && p.Created.ScheduleAt != nil && p.Created.Profile == facade.MPaaS && c.owns(p.Created) &&
		p.Status != "cancelled"
}

func entry(p *projections.Push, now time.Time) scheduled {
	if p.Created == nil || p.Created.ScheduleAt == nil {
		return scheduled{}
	}
	e := scheduled{
		UniqueID: p.Push, ParentID: p.Push, PushTime: p.Created.ScheduleAt.UnixMilli(),
		PushTitle: p.Created.Title, PushContent: p.Created.Body, StrategyType: strategyTimed,
	}
	// They were written here as numbers; a push another program recorded under
	// this profile may have none.
	e.Type, _ = strconv.Atoi(p.Created.Labels[labelMethod])
	e.DeliveryType, _ = strconv.Atoi(p.Created.Labels[labelDelivery])
	if !now.Before(*p.Created.ScheduleAt) {
		e.ExecutedStatus = 1
	}
	return e
}

// cancelScheduled cancels pushes that have not started. It goes through all of
// them, and says which ones were not cancelled.
func (h *Handler) cancelScheduled(ctx context.Context, c *call) (any, error) {
	text, err := c.need("UniqueIds")
	if err != nil {
		return nil, err
	}
	ids := strings.Split(text, ",")
	if len(ids) > MaxCancel {
		return nil, invalid("UniqueIds names %d pushes, the limit is %d", len(ids), MaxCancel)
	}
	var reasons []string
	for _, id := range ids {
		err := h.cancel(ctx, c, strings.TrimSpace(id))
		business, fault := translate(err)
		if fault != nil {
			return nil, err
		}
		if business != nil && business.code != resultInvalid {
			return nil, err
		}
		if business != nil {
			reasons = append(reasons, business.reason)
		}
	}
	if len(reasons) > 0 {
		return nil, invalid("%d of %d were not cancelled: %s", len(reasons), len(ids), strings.Join(reasons, "; "))
	}
	return nil, nil
}

func (h *Handler) cancel(ctx context.Context, c *call, id string) error {
	if _, err := h.find(ctx, c, id); err != nil {
		return err
	}
	return h.recall(ctx, c, id, channels.Cancel, events.Scope{})
}
