package tpns

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// The vendor's limits of a push (tencentcloud.com/document/product/1024/33764,
// checked 2026-11-20).
const (
	maxExpire = 72 * time.Hour
	minExpire = 800 * time.Second
	// maxSeconds is the largest expire_time a push may name.
	maxSeconds = 2147483647
	maxAhead   = 90 * 24 * time.Hour
	// maxPast is how far a send_time may lie back and still mean now.
	maxPast  = 10 * time.Minute
	maxNames = 1000
	maxToken = 36
	maxGroup = 25
)

// The labels a push keeps of what has no field of its own.
const (
	labelAudience    = "audience_type"
	labelTarget      = "target"
	labelPlatform    = "platform"
	labelCollapse    = "collapse_id"
	labelMessage     = "message_type"
	labelEnvironment = "environment"
	labelExpire      = "expire_time"
	labelUpload      = "upload_id"
	labelGroup       = "group_id"
	labelPlan        = "plan_id"
	labelMulti       = "multi_pkg"
	labelOperator    = "tag_op"
)

// The platforms.
const (
	android = "android"
	ios     = "ios"
)

// beijing is the zone of the vendor's times: all of its sites lie in UTC+8, and
// a time is written without a zone.
var beijing = time.FixedZone("UTC+8", 8*60*60)

// pushRequest is the body of push/app.
type pushRequest struct {
	Audience    text   `json:"audience_type"`
	Platform    text   `json:"platform"`
	Message     object `json:"message"`
	MessageType text   `json:"message_type"`
	Environment text   `json:"environment"`
	Seq         number `json:"seq"`

	UploadID    number `json:"upload_id"`
	TagList     object `json:"tag_list"`
	TagRules    object `json:"tag_rules"`
	TokenList   []text `json:"token_list"`
	AccountList []text `json:"account_list"`

	ExpireTime *number `json:"expire_time"`
	SendTime   text    `json:"send_time"`
	LoopParam  object  `json:"loop_param"`
	MultiPkg   flag    `json:"multi_pkg"`
	GroupID    text    `json:"group_id"`
	PlanID     text    `json:"plan_id"`

	CollapseID    number        `json:"collapse_id"`
	ForceCollapse flag          `json:"force_collapse"`
	ChannelRules  []channelRule `json:"channel_rules"`
}

type channelRule struct {
	Disable flag `json:"disable"`
}

// pushMessage is what the ledger keeps of the message.
type pushMessage struct {
	Title   text   `json:"title"`
	Content text   `json:"content"`
	Android object `json:"android"`
	IOS     object `json:"ios"`
}

// pushAnswer is the answer of push/app. err_msg and result stand in it as the
// page's samples have them; result must be absent when there is none, since a
// client reads an object there.
type pushAnswer struct {
	Seq         int64   `json:"seq"`
	PushID      string  `json:"push_id,omitempty"`
	RetCode     int     `json:"ret_code"`
	Environment string  `json:"environment,omitempty"`
	ErrMsg      *string `json:"err_msg,omitempty"`
	Result      string  `json:"result,omitempty"`
}

// push records a push, or overrides an earlier one by its collapse_id.
func (h *Handler) push(ctx context.Context, c *call) (any, error) {
	var q pushRequest
	if err := parse(c.body, &q); err != nil {
		return nil, err
	}
	s, err := q.created(c.now)
	if err != nil {
		return nil, err
	}
	var id string
	switch {
	case q.CollapseID != 0:
		id, err = h.override(ctx, c, &q, s)
	case s.kind.collapsible:
		if id, err = h.newCollapsible(ctx, c); err == nil {
			s.created.Labels[labelCollapse] = strconv.FormatUint(uint64(collapseOf(id, c.now)), 10)
			err = h.store(ctx, c, id, s.created)
		}
	default:
		id = h.c.Desk.NewNumber()
		err = h.store(ctx, c, id, s.created)
	}
	if err != nil {
		return nil, err
	}
	a := pushAnswer{Seq: int64(q.Seq), PushID: id, Environment: s.created.Labels[labelEnvironment]}
	if s.kind.single {
		a.ErrMsg, a.Result = new(string), "[0]"
	}
	return a, nil
}

func (h *Handler) store(ctx context.Context, c *call, id string, n *events.Created) error {
	_, err := h.c.Desk.Record(ctx, c.app, id, n)
	return err
}

// sending is a push as it was asked for.
type sending struct {
	kind    audienceType
	created *events.Created
}

// created checks the request and makes the ledger's description of it.
func (q *pushRequest) created(now time.Time) (*sending, error) {
	kind, err := q.kind()
	if err != nil {
		return nil, err
	}
	var m pushMessage
	if err := q.Message.decode("message", &m); err != nil {
		return nil, err
	}
	if err := q.checkWords(&m); err != nil {
		return nil, err
	}
	n := &events.Created{Title: clean(m.Title), Body: clean(m.Content), Profile: facade.TPNS, Labels: map[string]string{}}
	target, err := q.audience(kind, n)
	if err != nil {
		return nil, err
	}
	if err := q.times(kind, now, n); err != nil {
		return nil, err
	}
	for name, v := range map[string]string{
		labelAudience: kind.name, labelTarget: target, labelPlatform: q.platform(&m), labelMessage: string(q.MessageType),
		labelEnvironment: orElse(string(q.Environment), "product"), labelGroup: string(q.GroupID), labelPlan: string(q.PlanID),
	} {
		if v != "" {
			n.Labels[name] = v
		}
	}
	if q.UploadID != 0 {
		n.Labels[labelUpload] = strconv.FormatInt(int64(q.UploadID), 10)
	}
	if q.MultiPkg {
		n.Labels[labelMulti] = "true"
	}
	return &sending{kind, n}, nil
}

// checkWords checks the fields that take one of a few words.
func (q *pushRequest) checkWords(m *pushMessage) error {
	if q.Message.empty() {
		return fail(codeMissing, "message is missing")
	}
	switch q.MessageType {
	case "notify", "message":
	case "":
		return fail(codeMissing, "message_type is missing")
	default:
		return fail(codeInvalid, "message_type is neither notify nor message")
	}
	switch q.Platform {
	case "", android, ios:
	default:
		return fail(codeInvalid, "platform is neither android nor ios")
	}
	switch q.Environment {
	case "product", "dev":
	case "":
		if q.platform(m) == ios {
			return fail(codeMissing, "environment is missing; iOS needs it")
		}
	default:
		return fail(codeInvalid, "environment is neither product nor dev")
	}
	if len(q.GroupID) > maxGroup {
		return fail(codeInvalid, "group_id has more than %d characters", maxGroup)
	}
	return nil
}

// platform is the one named or, as newer pages have no such field, the one whose
// part of the message is filled; "" when neither tells.
func (q *pushRequest) platform(m *pushMessage) string {
	switch {
	case q.Platform != "":
		return string(q.Platform)
	case !m.IOS.empty() && m.Android.empty():
		return ios
	case !m.Android.empty() && m.IOS.empty():
		return android
	}
	return ""
}

// times sets when the push starts and when channels stop trying.
func (q *pushRequest) times(kind audienceType, now time.Time, n *events.Created) error {
	start := now
	if q.SendTime != "" {
		at, err := time.ParseInLocation(time.DateTime, string(q.SendTime), beijing)
		switch {
		case err != nil:
			return fail(codeInvalid, "send_time is not of the form yyyy-MM-dd HH:mm:ss")
		case now.Sub(at) > maxPast:
			return fail(codeTime, "send_time is more than %s in the past", maxPast)
		case at.Sub(now) > maxAhead:
			return fail(codeTime, "send_time is more than %d days ahead", maxAhead/(24*time.Hour))
		case at.After(now) && !kind.timed:
			return fail(codeInvalid, "send_time is for pushes to all devices, to tags and to packages")
		case at.After(now):
			utc := at.UTC()
			start, n.ScheduleAt = at, &utc
		}
	}
	keep := maxExpire
	if q.ExpireTime != nil {
		s := int64(*q.ExpireTime)
		if s < 0 || s > maxSeconds {
			return fail(codeInvalid, "expire_time is not in 0 to %d", maxSeconds)
		}
		n.Labels[labelExpire] = strconv.FormatInt(s, 10)
		// 0 asks for devices that are online now; the shortest storage there is
		// comes closest, since a network takes its time.
		keep = min(max(time.Duration(s)*time.Second, minExpire), maxExpire)
	}
	end := start.Add(keep).UTC()
	n.ExpireAt = &end
	return nil
}

// clean makes line ends what the ledger keeps.
func clean(t text) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(t))
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
