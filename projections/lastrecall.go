package projections

import "time"

// LastRecall returns when the app's newest recall was accepted, zero if never.
func (p *Projection) LastRecall(app string) time.Time {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if a := p.findApp(app); a != nil {
		return a.record.LastRecall
	}
	return time.Time{}
}
