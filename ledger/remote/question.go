package remote

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// Name is what the service is listed under.
const Name = "recall-ledger"

// NodeName is the service's metadata that names the node, as its leases do.
const NodeName = "node"

// wire is the version of questions and answers. It is raised whenever a type they
// carry gets another meaning or a field that a decision needs, so that nodes of
// two versions refuse each other instead of misreading.
const wire = 1

// question is the body of every request. A field that the other side does not
// know is refused: it might narrow what is asked for (L9).
type question struct {
	Wire int `json:"wire"`
	// At is the sequence the answer must be at least as new as, and Wait for how
	// many milliseconds the other side may wait for that.
	At   events.Seq `json:"at,omitempty"`
	Wait int64      `json:"wait_ms,omitempty"`
	// After is the sequence beyond which the fold is to move.
	After events.Seq `json:"after,omitempty"`
	// Node is who gave the part of a list before this one.
	Node string `json:"node,omitempty"`

	App       string          `json:"app,omitempty"`
	Push      string          `json:"push,omitempty"`
	Recall    string          `json:"recall,omitempty"`
	Key       string          `json:"key,omitempty"`
	Scope     events.Scope    `json:"scope,omitzero"`
	Action    channels.Action `json:"action,omitempty"`
	Channel   string          `json:"channel,omitempty"`
	Device    string          `json:"device,omitempty"`
	User      string          `json:"user,omitempty"`
	HeldOnly  bool            `json:"held_only,omitempty"`
	Certainty string          `json:"certainty,omitempty"`
	Outcome   string          `json:"outcome,omitempty"`
	Cursor    string          `json:"cursor,omitempty"`
	Limit     int             `json:"limit,omitempty"`
	Now       time.Time       `json:"now,omitzero"`
}

var errTrailing = errors.New("there is something behind the question")

// read decodes a question.
func (q *question) read(body []byte) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(q); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errTrailing
	}
	return nil
}

// answer is the body of every answer.
type answer struct {
	// Applied is what the answer is at least as new as.
	Applied events.Seq `json:"applied"`
	// Node is who answered.
	Node   string          `json:"node"`
	Result json.RawMessage `json:"result"`
}

// queryRoot is what the subjects of all partitions begin with.
const queryRoot = "recall.query."

// Served returns the partitions that are answered for at an instance's subjects, in
// order.
func Served(subjects []string) []int {
	var list []int
	for _, s := range subjects {
		rest, ok := strings.CutPrefix(s, queryRoot)
		text, _, _ := strings.Cut(rest, ".")
		if p, err := strconv.Atoi(text); ok && err == nil && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	slices.Sort(list)
	return list
}

// queryGroup and commandGroup are what the subjects of a partition begin with.
func queryGroup(part int) string   { return queryRoot + strconv.Itoa(part) }
func commandGroup(part int) string { return "recall.command." + strconv.Itoa(part) }

// bad is a request that cannot be read.
func bad(err error) string { return fmt.Sprintf("the request cannot be read: %v", err) }
