package projections

import (
	"slices"
	"strings"
)

// Channels lists the channels that the log has named for any app.
func (p *Projection) Channels() []string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	seen := map[string]bool{}
	var list []string
	for _, a := range p.apps {
		for _, c := range a.record.Channels {
			if !seen[c] {
				c = strings.Clone(c)
				seen[c] = true
				list = append(list, c)
			}
		}
	}
	slices.Sort(list)
	return list
}
