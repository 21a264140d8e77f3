package node

import (
	"slices"
	"sync"

	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
)

// held knows on which channels the calls for an app are held back because too
// many failed, so that operators can see it.
type held struct {
	mu   sync.Mutex
	apps map[string][]string
}

// note is told where a gate stands, after every call.
func (h *held) note(app, channel string, closed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.apps[app]
	i, found := slices.BinarySearch(list, channel)
	switch {
	case closed == found:
	case closed:
		if h.apps == nil {
			h.apps = map[string][]string{}
		}
		h.apps[app] = slices.Insert(list, i, channel)
	default:
		h.apps[app] = slices.Delete(list, i, i+1)
	}
}

// of lists the channels of an app.
func (h *held) of(app string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.apps[app])
}

// observer counts what workers do, and notes where their gates stand.
func (n *Node) observer() dispatch.Observer {
	o := n.stats.observer()
	counted := o.Gate
	o.Gate = func(app, channel string, closed bool) {
		if counted != nil {
			counted(app, channel, closed)
		}
		n.held.note(app, channel, closed)
	}
	return o
}
