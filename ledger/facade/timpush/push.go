package timpush

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// The limits of a push: cloud.tencent.com/document/product/269/100634,
// /45933 and trtc.io/document/67553, checked 2026-11-20.
const (
	maxAccounts = 500
	maxTags     = 10
	maxTag      = 50
	maxDataID   = 64
	maxLifeTime = 7 * 24 * 3600
)

// pushRequest is what the ledger reads of a push or a batch.
type pushRequest struct {
	From            string       `json:"From_Account"`
	To              []string     `json:"To_Account"`
	MsgRandom       *uint32      `json:"-"`
	OfflinePushInfo *offlineInfo `json:"OfflinePushInfo"`
	MsgBody         []struct {
		MsgContent struct{ Text string }
	} `json:"MsgBody"`
	Condition      map[string]json.RawMessage `json:"Condition"`
	DataID         string                     `json:"DataId"`
	OnlineOnlyFlag *int                       `json:"OnlineOnlyFlag"`
	MsgLifeTime    int64                      `json:"MsgLifeTime"`
}

// push records a push to everybody, to tags or to attributes.
func (h *Handler) push(ctx context.Context, c *call) answer {
	r, bad := parsePush(c.body)
	if bad != codeOK {
		return say(bad)
	}
	p, bad := r.created()
	if bad == codeOK {
		p.Audience, bad = r.audience()
	}
	if bad != codeOK {
		return say(bad)
	}
	return h.record(ctx, c, r, p, "")
}

// batch records a push to accounts.
func (h *Handler) batch(ctx context.Context, c *call) answer {
	empty := ""
	failed := func(bad code) answer {
		a := say(bad)
		a.TaskID = &empty
		return a
	}
	r, bad := parsePush(c.body)
	if bad == codeBadRandom {
		// The single push says the same with another code (trtc.io/document/67553).
		a := failed(codeBadJSON)
		a.ErrorInfo = infos()[codeBadRandom]
		return a
	}
	var p *events.Created
	if bad == codeOK {
		p, bad = r.created()
	}
	switch {
	case bad != codeOK:
		return failed(bad)
	case len(r.To) > maxAccounts:
		return failed(codeTooManyUsers)
	case len(r.To) == 0 || slices.Contains(r.To, ""):
		return failed(codeBadJSON)
	}
	p.Audience.Kind = events.AudienceList
	if len(r.To) == 1 {
		p.Audience = events.Audience{Kind: events.AudienceUser, Names: r.To}
	}
	return h.record(ctx, c, r, p, "batch_")
}

func parsePush(body []byte) (*pushRequest, code) {
	var r pushRequest
	var random struct{ MsgRandom json.RawMessage }
	if !object(body) || json.Unmarshal(body, &r) != nil || json.Unmarshal(body, &random) != nil {
		return nil, codeBadJSON
	}
	if json.Unmarshal(random.MsgRandom, &r.MsgRandom) != nil || r.MsgRandom == nil {
		return nil, codeBadRandom
	}
	return &r, codeOK
}

// created describes the push, its audience aside.
func (r *pushRequest) created() (*events.Created, code) {
	switch o := r.OnlineOnlyFlag; {
	case r.From == "" || r.OfflinePushInfo == nil && len(r.MsgBody) == 0:
		return nil, codeBadJSON
	case o != nil && *o != 0 && *o != 1:
		return nil, codeBadJSON
	case len(r.DataID) > maxDataID:
		return nil, codeLongDataID
	case r.MsgLifeTime < 0 || r.MsgLifeTime > maxLifeTime:
		return nil, codeBadLifeTime
	}
	p := &events.Created{Profile: facade.TIMPush, Labels: map[string]string{}}
	if i := r.OfflinePushInfo; i != nil {
		p.Title, p.Body = facade.Clean(i.Title, events.MaxTitle), facade.Clean(i.Desc, events.MaxBody)
	}
	for _, m := range r.MsgBody {
		p.Body = cmp.Or(p.Body, facade.Clean(m.MsgContent.Text, events.MaxBody))
	}
	if o := r.OnlineOnlyFlag; o != nil {
		p.Labels[labelOnlineOnly] = strconv.Itoa(*o)
	}
	for name, value := range map[string]string{"From_Account": r.From, "DataId": r.DataID} {
		if value = facade.Clean(value, events.MaxLabel); value != "" {
			p.Labels[name] = value
		}
	}
	return p, codeOK
}

// audience reads the condition; without one a push goes to everybody.
func (r *pushRequest) audience() (events.Audience, code) {
	var tags, attrs []string
	seen := map[string]bool{}
	other := false
	for _, name := range slices.Sorted(maps.Keys(r.Condition)) {
		raw := r.Condition[name]
		switch name {
		case "TagsAnd", "TagsOr":
			var list []string
			if json.Unmarshal(raw, &list) != nil {
				return events.Audience{}, codeBadJSON
			}
			if bad := checkTags(list, seen); bad != codeOK {
				return events.Audience{}, bad
			}
			tags = append(tags, list...)
		case "AttrsAnd", "AttrsOr":
			var set map[string]string
			if json.Unmarshal(raw, &set) != nil {
				return events.Audience{}, codeBadAttribute
			}
			for _, k := range slices.Sorted(maps.Keys(set)) {
				if k == "" || set[k] == "" {
					return events.Audience{}, codeBadAttribute
				}
				attrs = append(attrs, k+"="+set[k])
			}
		default:
			other = other || string(raw) != "null"
		}
	}
	switch names := slices.Concat(tags, attrs); {
	case len(tags) > 0 && len(attrs) > 0:
		return events.Audience{}, codeAttrsAndTags
	case len(names) > 0 || other:
		return events.Audience{Kind: events.AudienceTag, Names: names[:min(len(names), events.MaxNames)]}, codeOK
	}
	return events.Audience{Kind: events.AudienceAll}, codeOK
}

// checkTags looks at one list of tags; seen are those of the lists before.
func checkTags(list []string, seen map[string]bool) code {
	if len(list) > maxTags {
		return codeTooManyTags
	}
	for _, t := range list {
		switch {
		case t == "":
			return codeEmptyTag
		case len(t) > maxTag:
			return codeLongTag
		case seen[t]:
			return codeTagOverlap
		}
	}
	for _, t := range list {
		seen[t] = true
	}
	return codeOK
}

// record makes a push known under a TaskId in the vendor's form,
// 660cc447_537ed82a_...: the second and the MsgRandom first. It is made of the
// request, so that a repetition within the second is the same push.
func (h *Handler) record(ctx context.Context, c *call, r *pushRequest, p *events.Created, prefix string) answer {
	now := h.c.Desk.Clock().UTC().Truncate(time.Second)
	if r.MsgLifeTime > 0 {
		at := now.Add(time.Duration(r.MsgLifeTime) * time.Second)
		p.ExpireAt = &at
	}
	content := sha256.Sum256(c.body)
	task := fmt.Sprintf("%s%08x_%08x_%x", prefix, now.Unix(), *r.MsgRandom, content[:12])
	var field *events.FieldError
	switch _, err := h.c.Desk.Record(ctx, c.key.App, task, p); {
	case errors.As(err, &field):
		return say(codeBadJSON) // an account or tag that is no text
	case err != nil:
		return h.failed(ctx, c, err)
	}
	a := say(codeOK)
	a.TaskID = &task
	return a
}
