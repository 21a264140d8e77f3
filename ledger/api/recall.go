package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/projections"
)

// recallBody is a RecallRequest as it is read.
type recallBody struct {
	Push        string              `json:"push"`
	Action      channels.Action     `json:"action"`
	Scope       json.RawMessage     `json:"scope"`
	Reason      string              `json:"reason"`
	Notice      string              `json:"notice"`
	Replacement *events.Replacement `json:"replacement"`
	WholeSends  *bool               `json:"whole_sends"`
	Language    string              `json:"language"`
}

// readRecall reads the request of a recall or preview.
func readRecall(ctx context.Context) (ledger.Request, error) {
	var b recallBody
	if err := readBody(ctx, &b); err != nil {
		return ledger.Request{}, err
	}
	c := from(ctx).caller
	r := ledger.Request{
		App: c.app, Push: b.Push, Action: b.Action, Reason: b.Reason, Notice: b.Notice, Replacement: b.Replacement,
		WholeSends: b.WholeSends, Language: b.Language, By: c.key,
	}
	if b.Scope == nil {
		return r, nil
	}
	d := json.NewDecoder(bytes.NewReader(b.Scope))
	d.DisallowUnknownFields()
	if err := d.Decode(&r.Scope); err != nil {
		var p *Problem
		if errors.As(jsonProblem(err), &p) && p.Field != "" {
			p.Field = "scope." + p.Field
			return r, p
		}
		return r, fieldProblem("scope", "is not an object")
	}
	// A scope that is there was meant to name somebody. Taking an empty one for
	// the whole push would recall a million devices instead of one (L9).
	if r.Scope.Whole() {
		return r, fieldProblem("scope", "is empty; leave it out to take back the whole push")
	}
	return r, nil
}

func (s *Server) preview(ctx context.Context, _ *struct{}) (*output[*decision.Preview], error) {
	r, err := readRecall(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, decisionTimeout)
	defer cancel()
	v, err := s.ledger(ctx).Preview(ctx, r)
	if errors.Is(err, decision.ErrNotFound) {
		err = unknownPush(r.Push)
	}
	if v != nil && from(ctx).past == nil {
		from(ctx).w.Header().Set(headerPosition, v.Position.String())
	}
	return answer(v, err)
}

type recallInput struct {
	Key string `header:"Idempotency-Key" maxLength:"255" doc:"A retry with the same key and body gets the first answer again"`
}

func (s *Server) recall(ctx context.Context, in *recallInput) (*huma.StreamResponse, error) {
	q := from(ctx)
	// A key that is there but empty was meant to be one.
	if given := q.r.Header.Values(headerKey); len(given) > 1 || len(given) == 1 && in.Key == "" {
		return nil, fieldProblem(headerKey, "is given empty or more than once")
	}
	r, err := readRecall(ctx)
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, decisionTimeout)
	defer cancel()
	a, err := s.c.Ledger.Decide(bounded, r, in.Key, render(&r))
	if err != nil {
		return nil, err
	}
	s.metrics.decided(a)
	h := q.w.Header()
	if a.Replayed {
		h.Set(headerReplayed, "true")
	}
	if a.Position.Seq != 0 {
		h.Set(headerPosition, a.Position.String())
	}
	return writeDecision(q, a), nil
}

// render makes the answer's bytes, which are stored with the decision (L6). The
// same bytes must give the same headers, so those follow from them alone.
func render(r *ledger.Request) decision.Render {
	return func(q *events.Requested, refused *ledger.Refusal) (int, []byte) {
		if refused != nil {
			p := refusalProblem(refused)
			return p.Status, encodeJSON(p)
		}
		self := path("recalls", q.Recall)
		a := RecallAnswer{
			Recall: q.Recall, Push: r.Push, Action: channels.Action(q.Action), Scope: q.Scope,
			State: string(ledger.Running), Deadline: q.Deadline,
			Links: RecallLinks{Self: self, Devices: self + "/devices", Watch: self + "/watch", Abort: self + "/abort"},
		}
		if q.Replacement != nil {
			a.Replacement = q.Replacement.Push
		}
		return http.StatusAccepted, encodeJSON(a)
	}
}

// writeDecision answers with the bytes of a decision, made now or long ago.
func writeDecision(q *request, a decision.Answer) *huma.StreamResponse {
	if a.Status == http.StatusAccepted {
		var accepted RecallAnswer
		if json.Unmarshal(a.Body, &accepted) == nil {
			q.w.Header().Set("Location", accepted.Links.Self)
		}
		return write(q, a.Status, TypeJSON, a.Body)
	}
	var p Problem
	if json.Unmarshal(a.Body, &p) == nil {
		for name, values := range p.GetHeaders() {
			q.w.Header()[name] = values
		}
	}
	return write(q, a.Status, typeProblem, a.Body)
}

func (s *Server) recalls(ctx context.Context, in *listInput) (*output[RecallList], error) {
	page, err := pageOf(in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	var a RecallList
	a.Recalls, a.Next, err = s.ledger(ctx).Recalls(from(ctx).caller.app, page)
	return answer(a, err)
}

type recallPath struct {
	Recall string `path:"recall" maxLength:"64" doc:"The recall id"`
}

// find returns a recall of the caller's app.
func (s *Server) find(ctx context.Context, id string) (*projections.Recall, error) {
	if err := events.CheckID("recall", id, events.MaxID); err != nil {
		return nil, err
	}
	v, err := s.ledger(ctx).Recall(from(ctx).caller.app, id)
	if err == nil && v == nil {
		err = problem(codeUnknownRecall, "no recall %q is known to this app", id)
	}
	return v, err
}

func (s *Server) getRecall(ctx context.Context, in *recallPath) (*output[*projections.Recall], error) {
	return answer(s.find(ctx, in.Recall))
}

type recallDevicesInput struct {
	Recall  string `path:"recall" maxLength:"64" doc:"The recall id"`
	Outcome string `query:"outcome" enum:"pending,accepted,confirmed,refused,skipped,unsupported,expired" doc:"Only devices with this outcome"`
	Cursor  string `query:"cursor" doc:"Resume after the device with this cursor"`
	Limit   string `query:"limit" doc:"At most this many; all unless told"`
}

func (s *Server) recallDevices(ctx context.Context, in *recallDevicesInput) (*huma.StreamResponse, error) {
	limit, err := limitOf(in.Limit)
	if err == nil {
		var words []string
		for o := range ledger.Outcome(ledger.Outcomes) {
			words = append(words, o.String())
		}
		err = oneOf("outcome", in.Outcome, words...)
	}
	if err == nil {
		_, err = s.find(ctx, in.Recall)
	}
	if err != nil {
		return nil, err
	}
	return s.stream(ctx, TypeNDJSON, func(out *stream) error {
		n := 0
		_, err := s.ledger(ctx).EachRecalled(ctx, from(ctx).caller.app, in.Recall, in.Outcome, in.Cursor, func(d projections.Device) error {
			out.buf = appendRecallDevice(out.buf, &RecallDevice{
				Channel: d.Channel, Device: d.Device, Facts: d.Facts.Names(), Late: d.Mark&ledger.Late != 0,
				Commanded: d.Mark&ledger.Commanded != 0, Outcome: d.Mark.Outcome().String(), Cursor: d.Cursor,
			})
			if err := out.line(); err != nil {
				return err
			}
			if n++; n == limit {
				return errEnough
			}
			return nil
		})
		return enough(err)
	}), nil
}

func (s *Server) abort(ctx context.Context, in *recallPath) (*output[AbortAnswer], error) {
	var b AbortRequest
	if err := readOptional(ctx, &b); err != nil {
		return nil, err
	}
	err := events.CheckID("recall", in.Recall, events.MaxID)
	if err == nil {
		err = events.CheckText("reason", b.Reason, events.MaxReason)
	}
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, decisionTimeout)
	defer cancel()
	c := from(ctx).caller
	pos, err := s.c.Ledger.Abort(bounded, c.app, in.Recall, c.key, b.Reason)
	if errors.Is(err, decision.ErrNotFound) {
		err = problem(codeUnknownRecall, "no recall %q is known to this app", in.Recall)
	}
	if err == nil {
		from(ctx).w.Header().Set(headerPosition, pos.String())
	}
	return answer(AbortAnswer{Recall: in.Recall, State: string(ledger.Aborted), Position: pos}, err)
}

// readOptional reads a body that may be left out.
func readOptional(ctx context.Context, into any) error {
	r := from(ctx).r
	b, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxRequestBody))
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil
	}
	if _, err := contentType(r, TypeJSON); err != nil {
		return err
	}
	return decodeStrict(b, into)
}

func (s *Server) redrive(ctx context.Context, in *recallPath) (*output[RedriveAnswer], error) {
	if err := noBody(ctx); err != nil {
		return nil, err
	}
	// What was refused just now belongs to it as well.
	bounded, cancel := context.WithTimeout(ctx, decisionTimeout)
	defer cancel()
	if err := s.c.Ledger.CatchUp(bounded); err != nil {
		return nil, err
	}
	if _, err := s.find(ctx, in.Recall); err != nil {
		return nil, err
	}
	n, err := s.c.Ledger.Redrive(bounded, from(ctx).caller.app, in.Recall, s.c.Clock())
	if errors.Is(err, events.ErrUnknown) {
		// Unlike other requests this one is not safe to repeat blindly.
		err = problem(codeUnknownResult, "it is unknown whether commands were issued; look at the recall before re-driving it again")
	}
	return answer(RedriveAnswer{Recall: in.Recall, Devices: n}, err)
}
