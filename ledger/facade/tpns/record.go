package tpns

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/projections"
)

// The limits of a list of records (L11). The ledger has no index of an app's
// pushes by date, so a list walks over the newest ones, a few lists at a time.
const (
	maxLists = 2
	maxScan  = 50_000
	maxPage  = 200
)

// recordRequest is the body of get_push_record: one push, or those of a time.
type recordRequest struct {
	idRequest
	StartDate text   `json:"startDate"`
	EndDate   text   `json:"endDate"`
	MsgType   text   `json:"msgType"`
	PushType  text   `json:"pushType"`
	Offset    number `json:"offset"`
	Limit     number `json:"limit"`
}

// recordAnswer is the answer of the statistics. Each has a list of its own.
type recordAnswer struct {
	RetCode int           `json:"retCode"`
	ErrMsg  string        `json:"errMsg"`
	Count   *int          `json:"count,omitempty"`
	Records []pushRecord  `json:"pushRecordData,omitzero"`
	Stats   []channelStat `json:"pushStatDataAll,omitzero"`
	Tasks   []pushTask    `json:"pushTaskList,omitzero"`
}

// pushRecord is a push as tencentcloud.com/document/product/1024/33773, checked
// 2026-11-20, describes it. That page has pushId as a String in its table and a
// number in its sample; a String it is, as in the answer of push/app, since the
// ledger's numbers are larger than what every JSON reader keeps exactly.
type pushRecord struct {
	Date        string     `json:"date"`
	PushID      string     `json:"pushId"`
	Title       string     `json:"title"`
	Content     string     `json:"content"`
	Status      string     `json:"status"`
	PushType    string     `json:"pushType"`
	TargetList  []string   `json:"targetList"`
	TagSet      *tagSet    `json:"tagSet"`
	UploadID    int64      `json:"uploadId"`
	GroupID     string     `json:"groupId"`
	ExpireTime  int64      `json:"expireTime"`
	MessageType string     `json:"messageType"`
	Media       string     `json:"xgMediaResources"`
	Environment string     `json:"environment"`
	CollapseID  uint32     `json:"collapseID"`
	PushConfig  pushConfig `json:"pushConfig"`
	MultiPkg    bool       `json:"multiPkg"`
	Source      string     `json:"source"`
}

type tagSet struct {
	Op   string    `json:"op"`
	Tags []typeTag `json:"tagWithType"`
}

type typeTag struct {
	Type  string `json:"tagTypeName"`
	Value string `json:"tagValue"`
}

// pushConfig is not kept.
type pushConfig struct {
	Android *struct{} `json:"android"`
	IOS     *struct{} `json:"ios"`
}

func (h *Handler) record(ctx context.Context, c *call) (any, error) {
	var q recordRequest
	if err := parse(c.body, &q); err != nil {
		return nil, err
	}
	if q.PushID == "" && q.Sample == "" && (q.StartDate != "" || q.EndDate != "") {
		return h.list(ctx, c, &q)
	}
	p, err := h.known(ctx, c, q.idRequest)
	if err != nil {
		return nil, err
	}
	r, err := h.describe(c, p)
	if err != nil {
		return nil, err
	}
	return recordAnswer{ErrMsg: noError, Records: []pushRecord{r}}, nil
}

// known returns the push that a request names.
func (h *Handler) known(ctx context.Context, c *call, q idRequest) (*projections.Push, error) {
	id, err := q.id()
	if err != nil {
		return nil, err
	}
	p, err := h.c.Desk.Push(ctx, c.app, id)
	if err == nil && p == nil {
		err = fail(codeUnknown, "no push %q is known to this app", id)
	}
	return p, err
}

// list answers the records of a time, newest first.
func (h *Handler) list(ctx context.Context, c *call, q *recordRequest) (any, error) {
	from, to, err := q.dates()
	if err != nil {
		return nil, err
	}
	if q.Offset < 0 || q.Limit < 0 {
		return nil, fail(codeInvalid, "offset or limit is negative")
	}
	limit := int(q.Limit)
	if limit == 0 || limit > maxPage {
		limit = maxPage
	}
	select {
	case h.lists <- struct{}{}:
		defer func() { <-h.lists }()
	default:
		return nil, fail(codeFast, "%d lists are under way, the limit; ask by pushId", maxLists)
	}
	if err := h.c.Desk.Ledger.CatchUp(ctx); err != nil {
		return nil, err
	}
	count, scanned, found := 0, 0, []pushRecord{}
	page := projections.Page{Limit: projections.MaxPage}
	for {
		list, next, err := h.c.Desk.Ledger.Pushes(c.app, page, c.now)
		if err != nil {
			return nil, err
		}
		for i := range list {
			p := &list[i]
			if p.Created == nil || p.Created.Profile != facade.TPNS || p.Start.Before(from) || !p.Start.Before(to) {
				continue
			}
			r, err := h.describe(c, p)
			if err != nil {
				return nil, err
			}
			if !q.wants(&r) {
				continue
			}
			if count++; count > int(q.Offset) && len(found) < limit {
				found = append(found, r)
			}
		}
		if next == "" {
			return recordAnswer{ErrMsg: noError, Count: &count, Records: found}, nil
		}
		if scanned += len(list); scanned >= maxScan {
			// Part of an answer would look like all of it (L12).
			return nil, fail(codeInvalid, "the app has more than %d pushes, the limit of a list; ask by pushId", maxScan)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		page.Cursor = next
	}
}

// dates are the first moment of the time asked for and the one after its last.
func (q *recordRequest) dates() (from, to time.Time, err error) {
	if q.StartDate == "" || q.EndDate == "" {
		return from, to, fail(codeMissing, "startDate or endDate is missing")
	}
	if from, err = time.ParseInLocation(time.DateOnly, string(q.StartDate), beijing); err == nil {
		to, err = time.ParseInLocation(time.DateOnly, string(q.EndDate), beijing)
	}
	if err != nil || to.Before(from) {
		return from, to, fail(codeDate, "startDate and endDate are not two days of the form yyyy-MM-dd, one after the other")
	}
	return from, to.AddDate(0, 0, 1), nil
}

// wants applies the filters: token and account stand for the single push and for
// the list.
func (q *recordRequest) wants(r *pushRecord) bool {
	if q.MsgType != "" && string(q.MsgType) != r.MessageType {
		return false
	}
	switch q.PushType {
	case "token", "account":
		return r.PushType == string(q.PushType) || r.PushType == string(q.PushType)+"_list"
	case "":
		return true
	}
	return r.PushType == string(q.PushType)
}

// describe makes the vendor's record of a push.
func (h *Handler) describe(c *call, p *projections.Push) (pushRecord, error) {
	labels, err := h.labels(c, p)
	if err != nil && !errors.Is(err, errChain) {
		return pushRecord{}, err
	}
	r := pushRecord{
		Date: p.Start.In(beijing).Format(time.DateTime), PushID: p.Push, Status: status(p), CollapseID: collapseOf(p.Push, c.now),
		GroupID:     orElse(labels[labelGroup], "tpns_"+p.Start.In(beijing).Format("20060102")),
		MessageType: orElse(labels[labelMessage], "notify"), Environment: orElse(labels[labelEnvironment], "product"),
		ExpireTime: int64(maxExpire / time.Second), MultiPkg: labels[labelMulti] == "true", Source: "api",
	}
	if s, err := strconv.ParseInt(labels[labelExpire], 10, 64); err == nil {
		r.ExpireTime = s
	}
	if n, err := strconv.ParseInt(labels[labelUpload], 10, 64); err == nil {
		r.UploadID = n
	}
	n := p.Created
	if n == nil {
		return r, nil
	}
	r.Title, r.Content, r.PushType = n.Title, n.Body, orElse(labels[labelAudience], string(n.Audience.Kind))
	if op := labels[labelOperator]; op != "" {
		// Tags that were asked for by rules say too little without the rules.
		r.TagSet = &tagSet{Op: op}
		for _, name := range n.Audience.Names {
			r.TagSet.Tags = append(r.TagSet.Tags, typeTag{"xg_user_define", name})
		}
	}
	return r, nil
}

// status is the vendor's word for where a push stands.
func status(p *projections.Push) string {
	switch p.Status {
	case "scheduled":
		return "PUSH_WAIT"
	case "cancelled":
		return "PUSH_CANCELED"
	case "terminated":
		return "PUSH_DELETED_PUSH_MSG"
	case "recalled":
		return "PUSH_REVOKED"
	case "overridden":
		return "PUSH_COLLAPSED"
	case "sent":
		// Nobody tells the ledger when the last device was served.
		return "PUSH_FINISHED"
	}
	for _, ch := range p.Channels {
		if ch.Funnel["failed"] > 0 {
			return "PUSH_FAILED"
		}
	}
	return "PUSH_STARTED"
}
