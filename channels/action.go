package channels

// Action is what a recall asks for.
type Action string

// The actions, as stored in the log.
const (
	// Cancel: a scheduled push that has not started never starts.
	Cancel Action = "cancel"
	// Terminate: what is not yet delivered stays undelivered.
	Terminate Action = "terminate"
	// Recall: terminate, and remove or overwrite what is shown and unclicked.
	Recall Action = "recall"
	// Override: terminate, and replace by a new push.
	Override Action = "override"
)

// Actions lists the actions from weak to strong.
func Actions() []Action { return []Action{Cancel, Terminate, Recall, Override} }

// Valid reports whether the action is one of the four.
func (a Action) Valid() bool { return a.Strength() > 0 }

// Strength orders the actions: a recall is refused when one of the same or a
// greater strength was accepted before (L5). Recall and override stand beside
// each other. An unknown action has 0.
func (a Action) Strength() int {
	switch a {
	case Cancel:
		return 1
	case Terminate:
		return 2
	case Recall, Override:
		return 3
	}
	return 0
}

// Method is what a channel does for an action.
type Method string

// The methods, as stored in the log.
const (
	// None: the channel offers no way; the command ends as unsupported.
	None Method = "none"
	// Withhold: what the channel has not delivered is not delivered.
	Withhold Method = "withhold"
	// Remove: the notification vanishes from the device.
	Remove Method = "remove"
	// Overwrite: another text takes the notification's place.
	Overwrite Method = "overwrite"
)
