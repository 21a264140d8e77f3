package tpns

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// maxTasks bounds the pushes of a device that a list looks at (L11).
const maxTasks = 1000

// pushTask is a push as tencentcloud.com/document/product/1024/48715, checked
// 2026-11-20, lists it. There pushId is a number, unlike elsewhere; the ledger's
// are larger than what a client that reads numbers as doubles keeps exactly.
type pushTask struct {
	PushID int64 `json:"pushId"`
	// PushTime is in Unix seconds.
	PushTime int64 `json:"pushTime"`
	// TargetType is TAG_PUSH for a push to tags. The page calls it an array,
	// shows that one text, and names no other; what the real service says of
	// another push would tell them. Until then others have none.
	TargetType string `json:"pushTargetType,omitempty"`
}

// listByToken lists the pushes that went to a device on this day.
func (h *Handler) listByToken(ctx context.Context, c *call) (any, error) {
	var q struct {
		Token text `json:"token"`
	}
	if err := parse(c.body, &q); err != nil {
		return nil, err
	}
	if q.Token == "" {
		return nil, fail(codeMissing, "token is missing")
	}
	if events.CheckID("token", string(q.Token), events.MaxDevice) != nil {
		return nil, fail(codeToken, "token can be none, it has up to %d bytes", events.MaxDevice)
	}
	if err := h.c.Desk.Ledger.CatchUp(ctx); err != nil {
		return nil, err
	}
	had, err := h.c.Desk.Ledger.DeviceNotifications(c.app, "", string(q.Token), false)
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(had))
	for _, n := range had {
		ids = append(ids, n.Push)
	}
	slices.Sort(ids) // on two channels it is one push
	if ids = slices.Compact(ids); len(ids) > maxTasks {
		// Part of an answer would look like all of it (L12).
		return nil, fail(codeInvalid, "the device has more than %d pushes, the limit of a list", maxTasks)
	}
	tasks := []pushTask{}
	for _, id := range ids {
		t, ok, err := h.task(c, id)
		if err != nil {
			return nil, err
		}
		if ok {
			tasks = append(tasks, t)
		}
	}
	slices.SortFunc(tasks, func(a, b pushTask) int {
		return cmp.Or(cmp.Compare(a.PushTime, b.PushTime), cmp.Compare(a.PushID, b.PushID))
	})
	return recordAnswer{ErrMsg: noError, Tasks: tasks}, nil
}

// task returns the entry of a push; false for one that is not of this facade or
// of another day.
func (h *Handler) task(c *call, id string) (pushTask, bool, error) {
	p, err := h.c.Desk.Ledger.Push(c.app, id, c.now)
	if err != nil || p == nil || p.Created == nil || p.Created.Profile != facade.TPNS {
		return pushTask{}, false, err
	}
	n, numeric := decimal(id)
	if !numeric || p.Start.In(beijing).Format(time.DateOnly) != c.now.In(beijing).Format(time.DateOnly) {
		return pushTask{}, false, nil // another program's id, or another day
	}
	labels, err := h.labels(c, p)
	if err != nil && !errors.Is(err, errChain) {
		return pushTask{}, false, err
	}
	t := pushTask{PushID: n, PushTime: p.Start.Unix()}
	if labels[labelAudience] == "tag" {
		t.TargetType = "TAG_PUSH"
	}
	return t, true, nil
}

// decimal reads an id as the number it is; another program's may be none.
func decimal(id string) (int64, bool) {
	n, err := strconv.ParseInt(id, 10, 64)
	return n, err == nil
}
