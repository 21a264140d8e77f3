package scripted

import (
	"math"

	"github.com/recall-ledger/recall-ledger/channels"
)

// Item is a notification on a simulated screen.
type Item struct {
	Push, Text string
}

// What a simulated device does with a notification.
const (
	// assumed: nothing was said; a command finds the notification there.
	assumed uint8 = iota
	shown
	// notice: a recall's text stands in the notification's place.
	notice
	clicked
	// gone: taken back, or withheld before it arrived.
	gone
)

// place names one notification. The push is a number, so that a million entries
// do not hold a million copies of its id's header.
type place struct {
	device string
	push   uint32
}

// mark is what is known about one notification.
type mark struct {
	calls, effects uint32
	// text and recall are numbers of strings kept once.
	text, recall uint32
	state        uint8
}

// budget names one of the limited behaviours.
type budget uint8

const (
	throttled budget = iota
	unknown
)

type spending struct {
	device string
	on     budget
}

// phones are the simulated devices. They are not safe for concurrent use.
type phones struct {
	marks map[place]mark
	spent map[spending]int
	// strings keeps pushes, texts and recalls once; 0 is the empty string.
	strings []string
	numbers map[string]uint32
	// pushes lists the numbers of pushes in the order they became known.
	pushes []uint32
	known  map[uint32]bool

	callsAfterClick int
	effectsMax      int
}

func newPhones() phones {
	return phones{
		marks: make(map[place]mark), spent: make(map[spending]int),
		strings: []string{""}, numbers: map[string]uint32{"": 0}, known: make(map[uint32]bool),
	}
}

// number returns the number of a string, giving it one if it has none.
func (p *phones) number(s string) uint32 {
	n, ok := p.numbers[s]
	if !ok {
		n = uint32(len(p.strings))
		p.strings = append(p.strings, s)
		p.numbers[s] = n
	}
	return n
}

func (p *phones) place(push, device string) place {
	n := p.number(push)
	if !p.known[n] {
		p.known[n] = true
		p.pushes = append(p.pushes, n)
	}
	return place{device: device, push: n}
}

// at reads without remembering anything.
func (p *phones) at(push, device string) mark {
	n, ok := p.numbers[push]
	if !ok {
		return mark{}
	}
	return p.marks[place{device: device, push: n}]
}

func (p *phones) called(push, device string) {
	at := p.place(push, device)
	m := p.marks[at]
	m.calls++
	if m.state == clicked {
		p.callsAfterClick++
	}
	p.marks[at] = m
}

// spend reports whether one more call of a limited behaviour is left.
func (p *phones) spend(device string, on budget, limit int) bool {
	if limit <= 0 {
		return false
	}
	s := spending{device, on}
	if p.spent[s] >= limit {
		return false
	}
	p.spent[s]++
	return true
}

// obey carries out a command on a device; false when the user was first.
func (p *phones) obey(c channels.Command, device string, repeatable bool) bool {
	at := p.place(c.Push, device)
	m := p.marks[at]
	if m.state == clicked {
		return false
	}
	if c.Method == channels.Withhold {
		if m.state == assumed {
			m.state = gone
			p.marks[at] = m
		}
		return true
	}
	recall := p.number(c.Recall)
	if repeatable && m.effects > 0 && m.recall == recall {
		return true
	}
	m.recall = recall
	if m.effects < math.MaxUint32 {
		m.effects++
	}
	p.effectsMax = max(p.effectsMax, int(m.effects))
	text := c.Body
	if text == "" {
		text = c.Title
	}
	switch {
	case c.Method == channels.Remove:
		m.state, m.text = gone, 0
	case c.Replacement == "":
		m.state, m.text = notice, p.number(text)
	default:
		if !c.Forced {
			m.state, m.text = gone, 0
		}
		p.marks[at] = m
		p.show(c.Replacement, device, text)
		return true
	}
	p.marks[at] = m
	return true
}

func (p *phones) show(push, device, text string) bool {
	at := p.place(push, device)
	m := p.marks[at]
	if m.state != assumed && m.state != shown {
		return false
	}
	m.state, m.text = shown, p.number(text)
	p.marks[at] = m
	return true
}

func (p *phones) click(push, device string) {
	at := p.place(push, device)
	m := p.marks[at]
	m.state, m.text = clicked, 0
	p.marks[at] = m
}

func (p *phones) screen(device string) []Item {
	var items []Item
	for _, n := range p.pushes {
		if m := p.marks[place{device: device, push: n}]; m.state == shown || m.state == notice {
			items = append(items, Item{Push: p.strings[n], Text: p.strings[m.text]})
		}
	}
	return items
}

func (p *phones) touched(push string) int {
	n, ok := p.numbers[push]
	if !ok {
		return 0
	}
	count := 0
	for at, m := range p.marks {
		if at.push == n && m.effects > 0 {
			count++
		}
	}
	return count
}
