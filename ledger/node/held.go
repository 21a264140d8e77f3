package node

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
)

// held knows on which channels the calls for an app are held back because too
// many failed, so that operators can see it.
type held struct {
	mu sync.Mutex
	// apps are the gates that hold back, sorted.
	apps map[string][]hold
}

// hold is a gate that holds back: of a channel, one of several where each keeps
// its share of the channel's rate.
type hold struct {
	channel string
	share   int
}

func (a hold) compare(b hold) int {
	return cmp.Or(strings.Compare(a.channel, b.channel), a.share-b.share)
}

// note is told where a gate stands, after every call.
func (h *held) note(app, channel string, share int, closed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.apps[app]
	i, found := slices.BinarySearchFunc(list, hold{channel, share}, hold.compare)
	switch {
	case closed == found:
	case closed:
		if h.apps == nil {
			h.apps = map[string][]hold{}
		}
		h.apps[app] = slices.Insert(list, i, hold{channel, share})
	default:
		h.apps[app] = slices.Delete(list, i, i+1)
	}
}

// of lists the channels of an app.
func (h *held) of(app string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return names(h.apps[app])
}

// names are the channels of sorted holds, each once.
func names(list []hold) []string {
	var channels []string
	for i, g := range list {
		if i == 0 || g.channel != list[i-1].channel {
			channels = append(channels, g.channel)
		}
	}
	return channels
}

// observer counts what workers do, and notes where their gates stand.
func (n *Node) observer(share int) dispatch.Observer {
	o := n.stats.observer()
	counted := o.Gate
	o.Gate = func(app, channel string, closed bool) {
		if counted != nil {
			counted(app, channel, closed)
		}
		n.held.note(app, channel, share, closed)
	}
	return o
}
