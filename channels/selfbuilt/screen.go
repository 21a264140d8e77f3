package selfbuilt

import (
	"errors"
	"slices"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// The limits of a device's memory (L11).
const (
	// MaxKnown is how many pushes a device remembers; then the oldest is
	// forgotten, and leaves the screen if it is still there.
	MaxKnown = 10_000
	// maxRecalls is how many recalls of one push are remembered as done.
	maxRecalls = 8
)

// ErrNotShown says that the push is not on the device's screen.
var ErrNotShown = errors.New("the push is not on the screen")

// fate is what became of a push on a device.
type fate uint8

const (
	// unseen: an instruction named it before it arrived.
	unseen fate = iota
	// shown: it is on the screen.
	shown
	// clicked and cleared: the user, or another push in its slot, ended it.
	clicked
	cleared
	// recalled: it was taken back, before or after it was shown.
	recalled
)

// known is what a device remembers about a push.
type known struct {
	fate fate
	// since is the time of the click or clear.
	since time.Time
	// recalls were carried out, or found nothing to do.
	recalls []string
	// displayed is true if the push was ever on the screen.
	displayed bool
}

// screen is the state of a device: plain data, no clock, no network. Every
// method returns what is to be reported. It is not safe for concurrent use.
type screen struct {
	known map[string]*known
	order []string // keys of known, oldest first
	items []Notification
}

func newScreen() *screen { return &screen{known: make(map[string]*known)} }

// show displays a notification once, unless its push was taken back.
func (s *screen) show(n Notification, now time.Time) (reports []Report, changed bool) {
	k := s.known[n.Push]
	if k != nil && k.fate != unseen {
		if k.fate == recalled {
			// The server does not know yet, or it would not have sent it.
			return confirmed(n.Push, k.recalls, now), false
		}
		return nil, false
	}
	if k == nil {
		k, reports = s.learn(n.Push, now)
	}
	if i := slices.IndexFunc(s.items, func(o Notification) bool { return n.Slot != "" && o.Slot == n.Slot }); i >= 0 {
		reports = append(reports, s.drop(i, now)...)
	}
	k.fate, k.displayed = shown, true
	s.items = append(s.items, n)
	return append(reports,
		Report{Push: n.Push, Fact: events.DeliveryDelivered, Time: now},
		Report{Push: n.Push, Fact: events.DisplayShown, Time: now}), true
}

// instruct carries out an instruction; changed is false for a repeated one.
func (s *screen) instruct(i Instruction, now time.Time) (reports []Report, changed bool) {
	k := s.known[i.Push]
	if k == nil {
		k, reports = s.learn(i.Push, now)
	}
	switch k.fate {
	case clicked:
		// The user was first (L7). The server cannot know yet: say it again.
		return append(reports, Report{Push: i.Push, Fact: events.ClickClicked, Time: k.since}), false
	case cleared:
		return append(reports, Report{Push: i.Push, Fact: events.DisplayCleared, Time: k.since}), false
	case unseen, shown, recalled:
	}
	done := append(reports, Report{Push: i.Push, Confirmed: i.Recall, Time: now})
	if slices.Contains(k.recalls, i.Recall) {
		return done, false
	}
	if k.recalls = append(k.recalls, i.Recall); len(k.recalls) > maxRecalls {
		k.recalls = k.recalls[1:]
	}
	at := s.find(i.Push)
	overwrite := i.Method == channels.Overwrite && (i.Title != "" || i.Body != "")
	switch {
	case i.Method == channels.Withhold:
		// What the user can already see stays; that is what terminate means.
		if k.fate == unseen {
			k.fate = recalled
		}
	case overwrite && i.Replacement != "":
		k.fate = recalled
		s.remove(at)
		more, _ := s.show(Notification{Push: i.Replacement, Slot: i.Slot, Title: i.Title, Body: i.Body}, now)
		done = append(done, more...)
	case overwrite && at >= 0:
		k.fate = recalled
		s.items[at].Title, s.items[at].Body = i.Title, i.Body
	default:
		k.fate = recalled
		s.remove(at)
	}
	return done, true
}

// end takes a push off the screen because of the user: fact is click.clicked or
// display.cleared. For the notice of a recall there is nothing to report: the
// push itself was taken back before.
func (s *screen) end(push string, fact events.Kind, now time.Time) ([]Report, error) {
	at := s.find(push)
	if at < 0 {
		return nil, ErrNotShown
	}
	s.remove(at)
	k := s.known[push]
	if k.fate != shown {
		return nil, nil
	}
	k.fate, k.since = cleared, now
	if fact == events.ClickClicked {
		k.fate = clicked
	}
	return []Report{{Push: push, Fact: fact, Time: now}}, nil
}

// drop takes away an item that has to make room.
func (s *screen) drop(at int, now time.Time) []Report {
	// The item is there, so there is no error.
	reports, _ := s.end(s.items[at].Push, events.DisplayCleared, now)
	return reports
}

// learn begins to remember a push, and forgets the oldest beyond the limit.
func (s *screen) learn(push string, now time.Time) (*known, []Report) {
	var reports []Report
	if len(s.order) >= MaxKnown {
		oldest := s.order[0]
		if at := s.find(oldest); at >= 0 {
			reports = s.drop(at, now)
		}
		delete(s.known, oldest)
		s.order = s.order[1:]
	}
	k := &known{}
	s.known[push] = k
	s.order = append(s.order, push)
	return k, reports
}

func (s *screen) find(push string) int {
	return slices.IndexFunc(s.items, func(n Notification) bool { return n.Push == push })
}

func (s *screen) remove(at int) {
	if at >= 0 {
		s.items = slices.Delete(s.items, at, at+1)
	}
}

// seen lists the pushes that were ever displayed, in the order they became known.
func (s *screen) seen() []string {
	var pushes []string
	for _, p := range s.order {
		if s.known[p].displayed {
			pushes = append(pushes, p)
		}
	}
	return pushes
}

func confirmed(push string, recalls []string, now time.Time) []Report {
	reports := make([]Report, len(recalls))
	for i, r := range recalls {
		reports[i] = Report{Push: push, Confirmed: r, Time: now}
	}
	return reports
}
