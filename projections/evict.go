package projections

// evictions bounds the pushes that leave memory while the fold and the readers
// stand still.
const evictions = 256

// evict drops some of the pushes not used lately when pushes take more memory than
// allowed, and reports whether more are to go. Only what is in the store may.
func (p *Projection) evict() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cost <= p.c.Memory && !p.evicting {
		return false
	}
	for range evictions {
		u := p.leastUsed()
		if p.evicting = u != nil && p.cost > p.c.Memory/4*3; !p.evicting {
			return false
		}
		p.charge(u, 0)
		delete(u.period.pushes, u.key())
		u.period.recent.Remove(u.place)
	}
	return true
}

// leastUsed returns the push in memory that was changed longest ago, nil when it and
// what came after may not be in the store.
func (p *Projection) leastUsed() *push {
	var least *push
	for _, t := range p.periods {
		if e := t.recent.Back(); e != nil {
			if u := e.Value.(*push); u.changed == 0 && (least == nil || u.used < least.used) {
				least = u
			}
		}
	}
	return least
}

// keep takes a push into memory.
func (p *Projection) keep(u *push) {
	u.period.pushes[u.key()] = u
	u.place = u.period.recent.PushFront(u)
}

// weigh brings the push's share of the memory up to date.
func (p *Projection) weigh(u *push) { p.charge(u, u.size()) }

func (p *Projection) charge(u *push, cost int) {
	if u.period.expired {
		return // its period took its share along
	}
	p.cost += cost - u.cost
	u.period.cost += cost - u.cost
	u.cost = cost
}
