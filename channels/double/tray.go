package double

import (
	"slices"
	"sync"
)

// Item is a notification on a simulated screen. ID is the slot, or where the
// channel has none the vendor's id of the send.
type Item struct{ ID, Text string }

// Tray is the screens of all simulated devices of one vendor, and what waits to
// be delivered to them. It is safe for concurrent use.
type Tray struct {
	mu      sync.Mutex
	screens map[string][]Item
	waiting map[string][]Item
	clicked map[place]bool
	sends   map[string][]place
	changes map[string]int
}

type place struct{ device, id string }

// NewTray returns empty screens.
func NewTray() *Tray {
	return &Tray{
		screens: map[string][]Item{}, waiting: map[string][]Item{}, clicked: map[place]bool{},
		sends: map[string][]place{}, changes: map[string]int{},
	}
}

func at(list []Item, id string) int {
	return slices.IndexFunc(list, func(i Item) bool { return i.ID == id })
}

// Show puts a notification on a screen, in place of one with the same id if that
// is still there, as a real screen does; one that waits for the device it replaces
// there. It counts as a change unless the device has just that already.
func (t *Tray) Show(device, id, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := at(t.waiting[device], id); i >= 0 {
		if t.waiting[device][i].Text != text {
			t.waiting[device][i].Text = text
			t.changes[device]++
		}
		return
	}
	list := t.screens[device]
	i := at(list, id)
	switch {
	case i < 0:
		t.screens[device] = append(list, Item{id, text})
	case list[i].Text == text:
		return
	default:
		list[i].Text = text
	}
	t.changes[device]++
}

// Wait queues a notification for a device that is offline; Deliver brings it.
func (t *Tray) Wait(device, id, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := slices.DeleteFunc(t.waiting[device], func(i Item) bool { return i.ID == id })
	t.waiting[device] = append(list, Item{id, text})
}

// Deliver shows what waited for a device.
func (t *Tray) Deliver(device string) {
	t.mu.Lock()
	list := t.waiting[device]
	delete(t.waiting, device)
	t.mu.Unlock()
	for _, i := range list {
		t.Show(device, i.ID, i.Text)
	}
}

// Remove takes a notification off a screen and out of what waits. It reports
// whether there was one.
func (t *Tray) Remove(device, id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.remove(place{device, id}, true)
}

// Withhold takes a notification out of what waits for a device; what is shown
// stays. It reports whether there was one.
func (t *Tray) Withhold(device, id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.remove(place{device, id}, false)
}

func (t *Tray) remove(p place, shown bool) bool {
	found := false
	without := func(m map[string][]Item) {
		if i := at(m[p.device], p.id); i >= 0 {
			m[p.device] = slices.Delete(m[p.device], i, i+1)
			found = true
		}
	}
	without(t.waiting)
	if shown {
		without(t.screens)
	}
	if found {
		t.changes[p.device]++
	}
	return found
}

// Sent notes that a send of the vendor reached a device, for channels that take
// back whole sends.
func (t *Tray) Sent(send, device, id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sends[send] = append(t.sends[send], place{device, id})
}

// Knows reports whether a send of the vendor was noted.
func (t *Tray) Knows(send string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.sends[send]
	return ok
}

// RemoveSend takes a whole send off every screen and out of what waits; with
// shown false only out of what waits. It reports whether the send is known.
func (t *Tray) RemoveSend(send string, shown bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	list, ok := t.sends[send]
	for _, p := range list {
		t.remove(p, shown)
	}
	return ok
}

// Click takes a notification off a screen by the user's tap.
func (t *Tray) Click(device, id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := place{device, id}
	if i := at(t.screens[device], id); i >= 0 {
		t.screens[device] = slices.Delete(t.screens[device], i, i+1)
		t.clicked[p] = true
	}
}

// Screen returns what a device shows, oldest first.
func (t *Tray) Screen(device string) []Item {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.screens[device])
}

// Text returns what a device shows under an id.
func (t *Tray) Text(device, id string) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := at(t.screens[device], id); i >= 0 {
		return t.screens[device][i].Text, true
	}
	return "", false
}

// Clicked reports whether the user of a device clicked a notification.
func (t *Tray) Clicked(device, id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.clicked[place{device, id}]
}

// Changes returns how often the screen of a device, or what waits for it, was
// changed other than by a click.
func (t *Tray) Changes(device string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changes[device]
}
