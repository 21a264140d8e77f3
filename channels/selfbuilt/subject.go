package selfbuilt

import (
	"fmt"
	"strings"

	"github.com/recall-ledger/recall-ledger/events"
)

// The subject grammar, both directions. The package comment documents it.

// Lane is the last token of a device's subjects.
type Lane string

// The lanes: show and instruction lead to the device, report and sync from it.
const (
	LaneShow        Lane = "show"
	LaneInstruction Lane = "instruction"
	LaneReport      Lane = "report"
	LaneSync        Lane = "sync"
)

const (
	subjectRoot  = "device."
	subjectInbox = ".inbox"

	// Any device's reports and syncs, for the service.
	subjectReports = subjectRoot + "*.*." + string(LaneReport)
	subjectSyncs   = subjectRoot + "*.*." + string(LaneSync)
)

// Subject returns one of a device's subjects. The app has passed
// events.CheckApp and the device is not empty.
func Subject(app, device string, lane Lane) string {
	return subjectRoot + app + "." + events.SubjectToken(device) + "." + string(lane)
}

// InboxPrefix returns what all subjects begin with on which a device takes
// answers; a dot and more tokens follow.
func InboxPrefix(app, device string) string {
	return subjectRoot + app + "." + events.SubjectToken(device) + subjectInbox
}

// ParseSubject reads what Subject wrote.
func ParseSubject(subject string) (app, device string, lane Lane, err error) {
	rest, ok := strings.CutPrefix(subject, subjectRoot)
	if !ok {
		return "", "", "", fmt.Errorf("a device's subject begins with %q", subjectRoot)
	}
	app, rest, _ = strings.Cut(rest, ".")
	token, last, _ := strings.Cut(rest, ".")
	if err := events.CheckApp("app", app); err != nil {
		return "", "", "", err
	}
	if device, err = events.ParseSubjectToken(token); err != nil {
		return "", "", "", err
	}
	if err := events.CheckID("device", device, events.MaxDevice); err != nil {
		return "", "", "", err
	}
	switch lane = Lane(last); lane {
	case LaneShow, LaneInstruction, LaneReport, LaneSync:
		return app, device, lane, nil
	}
	return "", "", "", fmt.Errorf("a device's subject ends in show, instruction, report or sync")
}
