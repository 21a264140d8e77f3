package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/projections"
)

// The types of events. Receivers branch on them, so they never change.
const (
	Requested = "recall.requested"
	Settled   = "recall.settled"
	Completed = "recall.completed"
	Aborted   = "recall.aborted"
	Refused   = "recall.refused"
)

// Types lists the types in the order in which they come.
func Types() []string { return []string{Requested, Settled, Completed, Aborted, Refused} }

// notice is a CloudEvent.
type notice struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	// TraceParent is of the Distributed Tracing extension: that of the recall, the
	// same in every call.
	TraceParent string `json:"traceparent,omitempty"`
	Data        data   `json:"data"`
}

// data is what the types say, each some of it; see the package's comment.
type data struct {
	Recall      string                    `json:"recall,omitempty"`
	Action      string                    `json:"action"`
	Scope       events.Scope              `json:"scope,omitzero"`
	By          string                    `json:"by,omitempty"`
	Reason      string                    `json:"reason,omitempty"`
	Code        string                    `json:"code,omitempty"`
	First       string                    `json:"first,omitempty"`
	Replacement string                    `json:"replacement,omitempty"`
	Deadline    time.Time                 `json:"deadline,omitzero"`
	State       ledger.RecallState        `json:"state,omitempty"`
	Percent     *float64                  `json:"percent,omitempty"`
	Total       *projections.RecallCounts `json:"total,omitempty"`
	Position    *events.Position          `json:"position,omitempty"`
}

func (n *notice) body() ([]byte, error) {
	b, err := json.Marshal(n)
	if err != nil {
		return nil, fmt.Errorf("write a notice: %w", err)
	}
	return b, nil
}

// newNotice begins a notice. of tells it apart from all others of its type: the
// same again has the same id, on every node and after every restart.
func newNotice(kind, app, push, of string, at time.Time) *notice {
	sum := sha256.Sum256([]byte(app + "\x00" + kind + "\x00" + of))
	return &notice{
		SpecVersion: "1.0", ID: "evt_" + hex.EncodeToString(sum[:16]), Source: "/apps/" + app, Type: kind, Subject: push,
		Time: at.UTC(), DataContentType: "application/json",
	}
}

// newRecallNotice begins a notice of a recall.
func newRecallNotice(kind string, v *projections.Recall, at time.Time) *notice {
	n := newNotice(kind, v.App, v.Push, v.Recall, at)
	n.TraceParent, n.Data = v.Trace, data{Recall: v.Recall, Action: v.Action, Scope: v.Scope}
	return n
}

func requestedNotice(m events.Message, e *events.Event, v *projections.Recall) *notice {
	n := newRecallNotice(Requested, v, e.Time)
	n.Data.By, n.Data.Reason, n.Data.Deadline, n.Data.Position = v.By, v.Reason, v.Deadline, &m.Position
	if v.Replaces != nil {
		n.Data.Replacement = v.Replaces.Push
	}
	return n
}

func settledNotice(v *projections.Recall, at time.Time) *notice {
	n := newRecallNotice(Settled, v, at)
	n.Data.account(v)
	return n
}

func closedNotice(m events.Message, e *events.Event, c *events.Closed, v *projections.Recall) *notice {
	n := newRecallNotice(string(e.Kind), v, e.Time)
	n.Data.By, n.Data.Reason, n.Data.Position = c.By, c.Reason, &m.Position
	if e.Kind == events.RecallCompleted {
		n.Data.account(v)
	}
	return n
}

func (d *data) account(v *projections.Recall) {
	d.State, d.Percent, d.Total = v.State, &v.Percent, &v.Total
}

// refusedNotice is of a decision that has no id: its place in the log and the
// time it got there are one.
func refusedNotice(m events.Message, e *events.Event, r *events.Refused) *notice {
	n := newNotice(Refused, e.App, e.Push, fmt.Sprintf("%s %d", m.Position, m.Time.UnixNano()), e.Time)
	n.Data = data{Action: r.Action, Scope: r.Scope, By: r.By, Code: r.Code, First: r.First, Position: &m.Position}
	return n
}
