package audit

import (
	"fmt"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// Check names one of the things that are checked.
type Check string

// The checks.
const (
	// Gap: every sequence is there.
	Gap Check = "gap"
	// Chain: the log has the hashes of the anchors given.
	Chain Check = "chain"
	// Trace: every command and outcome belongs to one recall and one command.
	Trace Check = "trace"
	// Once: nobody is commanded twice, but by a re-drive after a refusal (L8).
	Once Check = "once"
	// Widened: nobody is commanded whom the recall does not concern (L9).
	Widened Check = "widened"
	// Forgotten: everybody concerned is commanded before the recall ends (L8).
	Forgotten Check = "forgotten"
	// Ended: every command has its outcome when the recall ends, and a single
	// one of each time it was carried out (L8).
	Ended Check = "ended"
	// Clicked: no vendor is called for a device that clicked or cleared before
	// the command (L7).
	Clicked Check = "clicked"
	// Projection: folded anew the log gives the same projection (L3).
	Projection Check = "projection"
	// Placed: every event stands in the partition of its push. Of a ledger with
	// several partitions alone.
	Placed Check = "placed"
	// Succeeded: the new push of an override is known in its own partition after
	// the recall and before anybody is told of it. Of a ledger with several
	// partitions alone.
	Succeeded Check = "succeeded"
)

// Checks lists the checks with what each says when it holds. Several is true of
// those that concern several partitions only.
func Checks() []struct {
	Check   Check
	Holds   string
	Several bool
} {
	return []struct {
		Check   Check
		Holds   string
		Several bool
	}{
		{Gap, "no sequence is missing", false},
		{Chain, "the log has the hashes of the anchors", false},
		{Trace, "every command belongs to one recall, every outcome to a command", false},
		{Once, "nobody was commanded twice", false},
		{Widened, "nobody was commanded whom the recall does not concern", false},
		{Forgotten, "everybody concerned was commanded before the recall ended", false},
		{Ended, "every command has one outcome, or is open", false},
		{Clicked, "no vendor was called for who had clicked or cleared before the command", false},
		{Projection, "folded anew, the log gives the same projection", false},
		{Placed, "every push stands in the partition that its id belongs to", true},
		{Succeeded, "the new push of every override is in its own partition, after the recall and before its first command", true},
	}
}

// Violation is an event that breaks a promise.
type Violation struct {
	Check    Check           `json:"check"`
	Position events.Position `json:"position"`
	Text     string          `json:"text"`
}

// Report is what a walk found in one partition.
type Report struct {
	// First and Last are the sequences walked; 0 when the log is empty.
	First events.Position `json:"first"`
	Last  events.Position `json:"last"`
	// Created identifies the log.
	Created time.Time              `json:"created"`
	Events  uint64                 `json:"events"`
	Bytes   uint64                 `json:"bytes"`
	Kinds   map[events.Kind]uint64 `json:"kinds"`
	// Unreadable events are those that the ledger passes over by their form.
	Unreadable uint64 `json:"unreadable"`
	// Backwards counts events stored at an earlier time than the one before
	// them: the machine's clock was set back, and ranges by time are not exact.
	Backwards uint64 `json:"backwards"`

	Recalls uint64 `json:"recalls"`
	Running uint64 `json:"running"`
	// Concerned are the notifications that recalls owed a command: Planned when
	// they were accepted, Late afterwards.
	Planned uint64 `json:"planned"`
	Late    uint64 `json:"late"`
	// Commanded are those that got it, Owed those that did not yet, Released
	// those that an abort let go.
	Commanded uint64 `json:"commanded"`
	Owed      uint64 `json:"owed"`
	Released  uint64 `json:"released"`
	// Outcomes counts the commanded by their outcome, pending among them.
	Outcomes map[string]uint64 `json:"outcomes"`
	// Overtaken counts outcomes that two deliveries of one command told differently,
	// since a node was held up in between; the greater one counts.
	Overtaken uint64 `json:"overtaken,omitempty"`
	// Dropped clicked between recall and command; no vendor was called.
	Dropped uint64 `json:"dropped"`
	// Successors counts the overrides whose new push belongs to another
	// partition. Of them Unsucceeded have it not there, which nobody was told of
	// yet or which is past its age.
	Successors  uint64 `json:"successors,omitempty"`
	Unsucceeded uint64 `json:"unsucceeded,omitempty"`

	// Anchors are those of this log, the newest last.
	Anchors []Anchor `json:"anchors"`
	// Checked is how many of the anchors given were compared.
	Checked int `json:"anchors_checked"`
	// Rebuilt is the comparison of projections, nil when there was none.
	Rebuilt *Comparison `json:"rebuilt,omitempty"`
	// Violations counts them by check, Found is the first of each check and
	// Worst the first of all.
	Violations map[Check]uint64    `json:"violations"`
	Found      map[Check]Violation `json:"found,omitempty"`
	Worst      *Violation          `json:"first_violation,omitempty"`
}

func newReport() *Report {
	return &Report{
		Kinds: map[events.Kind]uint64{}, Outcomes: map[string]uint64{}, Anchors: []Anchor{},
		Violations: map[Check]uint64{}, Found: map[Check]Violation{},
	}
}

// violate notes a violation.
func (r *Report) violate(c Check, p events.Position, format string, args ...any) {
	if r.Violations[c]++; r.Violations[c] > 1 {
		return
	}
	v := Violation{Check: c, Position: p, Text: fmt.Sprintf(format, args...)}
	r.Found[c] = v
	if r.Worst == nil {
		r.Worst = &v
	}
}
