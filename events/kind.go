package events

// Kind names what happened. The strings are stored in the log and never change.
type Kind string

// The kinds, by family. See FORMAT.md for the data each one carries.
const (
	PushCreated Kind = "push.created"
	PushSent    Kind = "push.sent"
	PushFailed  Kind = "push.failed"

	DeliveryDelivered Kind = "delivery.delivered"
	DeliveryExpired   Kind = "delivery.expired"

	DisplayShown   Kind = "display.shown"
	DisplayCleared Kind = "display.cleared"

	ClickClicked Kind = "click.clicked"

	RecallRequested Kind = "recall.requested"
	RecallRefused   Kind = "recall.refused"
	RecallCompleted Kind = "recall.completed"
	RecallAborted   Kind = "recall.aborted"

	CommandIssued Kind = "command.issued"

	OutcomeAccepted    Kind = "outcome.accepted"
	OutcomeConfirmed   Kind = "outcome.confirmed"
	OutcomeRefused     Kind = "outcome.refused"
	OutcomeSkipped     Kind = "outcome.skipped"
	OutcomeUnsupported Kind = "outcome.unsupported"
	OutcomeExpired     Kind = "outcome.expired"

	KeyClaimed Kind = "key.claimed"
)

// Family groups kinds; it is a token of the subject, so that a consumer can
// filter by it.
type Family string

// The families. A stored name never changes.
const (
	FamilyPush     Family = "push"
	FamilyDelivery Family = "delivery"
	FamilyDisplay  Family = "display"
	FamilyClick    Family = "click"
	FamilyRecall   Family = "recall"
	FamilyCommand  Family = "command"
	FamilyOutcome  Family = "outcome"
	FamilyKey      Family = "key"
)

// Shape says which data type an event of a kind carries.
type Shape uint8

// The shapes of event data.
const (
	ShapeNone Shape = iota
	ShapeCreated
	ShapeFact
	ShapeRequested
	ShapeRefused
	ShapeClosed
	ShapeCommand
	ShapeOutcome
	ShapeKey
)

// kindInfo is the table behind Kind: one row per stored kind.
type kindInfo struct {
	family Family
	shape  Shape
	// decision is true when the kind is stored on a subject of its own push,
	// where appends are fenced by an expected sequence.
	decision bool
	// public is true when services may publish the kind; the others are
	// written by the ledger alone.
	public bool
}

func infoOf(k Kind) (kindInfo, bool) {
	switch k {
	case PushCreated:
		return kindInfo{FamilyPush, ShapeCreated, false, true}, true
	case PushSent, PushFailed:
		return kindInfo{FamilyPush, ShapeFact, false, true}, true
	case DeliveryDelivered, DeliveryExpired:
		return kindInfo{FamilyDelivery, ShapeFact, false, true}, true
	case DisplayShown, DisplayCleared:
		return kindInfo{FamilyDisplay, ShapeFact, false, true}, true
	case ClickClicked:
		return kindInfo{FamilyClick, ShapeFact, false, true}, true
	case RecallRequested:
		return kindInfo{FamilyRecall, ShapeRequested, true, false}, true
	case RecallRefused:
		return kindInfo{FamilyRecall, ShapeRefused, false, false}, true
	case RecallCompleted, RecallAborted:
		return kindInfo{FamilyRecall, ShapeClosed, true, false}, true
	case CommandIssued:
		return kindInfo{FamilyCommand, ShapeCommand, true, false}, true
	case OutcomeAccepted, OutcomeConfirmed, OutcomeRefused, OutcomeSkipped, OutcomeUnsupported, OutcomeExpired:
		return kindInfo{FamilyOutcome, ShapeOutcome, false, false}, true
	case KeyClaimed:
		return kindInfo{FamilyKey, ShapeKey, true, false}, true
	}
	return kindInfo{}, false
}

// Kinds lists every kind that can stand in the log, in the order of FORMAT.md.
func Kinds() []Kind {
	return []Kind{
		PushCreated, PushSent, PushFailed, DeliveryDelivered, DeliveryExpired,
		DisplayShown, DisplayCleared, ClickClicked,
		RecallRequested, RecallRefused, RecallCompleted, RecallAborted, CommandIssued,
		OutcomeAccepted, OutcomeConfirmed, OutcomeRefused, OutcomeSkipped, OutcomeUnsupported, OutcomeExpired,
		KeyClaimed,
	}
}

// Valid reports whether the kind is one the ledger knows.
func (k Kind) Valid() bool { _, ok := infoOf(k); return ok }

// Family returns the family of a valid kind, "" otherwise.
func (k Kind) Family() Family { i, _ := infoOf(k); return i.family }

// Shape returns the data shape of a valid kind, ShapeNone otherwise.
func (k Kind) Shape() Shape { i, _ := infoOf(k); return i.shape }

// Decision reports whether the kind lives on a subject of its own push, where
// appends carry an expected sequence (L5).
func (k Kind) Decision() bool { i, _ := infoOf(k); return i.decision }

// Public reports whether services may publish the kind. Decisions, commands
// and outcomes are written by the ledger only.
func (k Kind) Public() bool { i, _ := infoOf(k); return i.public }
