package partition

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/projections"
)

// Pushes lists an app's pushes of all partitions, newest first: each partition's
// in the order of its log, and between partitions by their start.
func (s *Set) Pushes(app string, g projections.Page, now time.Time) ([]projections.Push, string, error) {
	read := func(p *Part, g projections.Page) ([]projections.Push, string, error) {
		return p.Views.Pushes(app, g, now)
	}
	newer := func(a, b *projections.Push) bool { return a.Start.After(b.Start) }
	return merge(s, g, read, newer)
}

// Recalls lists an app's recalls of all partitions, newest first: their ids sort
// by time.
func (s *Set) Recalls(app string, g projections.Page) ([]projections.Recall, string, error) {
	read := func(p *Part, g projections.Page) ([]projections.Recall, string, error) {
		return p.Views.Recalls(app, g)
	}
	newer := func(a, b *projections.Recall) bool { return a.Recall > b.Recall }
	return merge(s, g, read, newer)
}

// Quarantined lists the messages the folds passed over, partition by partition,
// each newest first, and how many there are in all.
func (s *Set) Quarantined(g projections.Page) ([]projections.Quarantined, string, uint64, error) {
	if len(s.parts) == 1 {
		return s.parts[0].Views.Quarantined(g)
	}
	var total uint64
	read := func(p *Part, g projections.Page) ([]projections.Quarantined, string, error) {
		list, next, n, err := p.Views.Quarantined(g)
		total += n
		return list, next, err
	}
	newer := func(a, b *projections.Quarantined) bool { return a.Position.Partition < b.Position.Partition }
	list, next, err := merge(s, g, read, newer)
	// A partition that is read to its end is not asked any more, but counts.
	total = 0
	if err == nil {
		var sum projections.Stats
		sum, err = s.Stats()
		total = sum.Quarantined
	}
	return list, next, total, err
}

// ended is the cursor of a partition whose list is at its end; no encoded one is
// a single character.
const ended = "-"

// cursors reads a cursor over all partitions: one for each, divided by dots.
func (s *Set) cursors(text string) ([]string, error) {
	if text == "" {
		return make([]string, len(s.parts)), nil
	}
	list := strings.Split(text, ".")
	if len(list) != len(s.parts) {
		return nil, projections.ErrCursor
	}
	for i, c := range list {
		if c == "" || c == ended {
			continue
		}
		plain, err := base64.RawURLEncoding.DecodeString(c)
		if err != nil {
			return nil, projections.ErrCursor
		}
		list[i] = string(plain)
	}
	return list, nil
}

// merge reads a page of one list of all partitions. read is asked for a page of
// one partition, newer says which of two entries comes first.
func merge[T any](s *Set, g projections.Page, read func(*Part, projections.Page) ([]T, string, error), newer func(a, b *T) bool) ([]T, string, error) {
	if len(s.parts) == 1 {
		return read(s.parts[0], g)
	}
	at, err := s.cursors(g.Cursor)
	if err != nil {
		return nil, "", err
	}
	lists, nexts := make([][]T, len(s.parts)), make([]string, len(s.parts))
	for i, p := range s.parts {
		if at[i] == ended {
			continue
		}
		if lists[i], nexts[i], err = read(p, projections.Page{Cursor: at[i], Limit: g.Limit}); err != nil {
			return nil, "", err
		}
	}
	limit := min(g.Limit, projections.MaxPage)
	if limit <= 0 {
		limit = projections.DefaultPage
	}
	merged, taken := []T{}, make([]int, len(s.parts))
	for len(merged) < limit {
		best := -1
		for i, list := range lists {
			if taken[i] < len(list) && (best < 0 || newer(&list[taken[i]], &lists[best][taken[best]])) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		merged = append(merged, lists[best][taken[best]])
		taken[best]++
	}
	next, err := s.next(at, func(i int) (string, bool, error) {
		switch taken[i] {
		case len(lists[i]):
			return nexts[i], nexts[i] == "", nil
		case 0:
			return at[i], false, nil
		}
		// The page was longer than what was taken of it: its cursor is asked for.
		_, c, err := read(s.parts[i], projections.Page{Cursor: at[i], Limit: taken[i]})
		return c, false, err
	})
	return merged, next, err
}

// next makes the cursor behind what was taken; "" at the end of all lists. behind
// returns a partition's own, and whether its list is at its end.
func (s *Set) next(at []string, behind func(int) (string, bool, error)) (string, error) {
	list, over := make([]string, len(s.parts)), true
	for i := range s.parts {
		if list[i] = ended; at[i] == ended {
			continue
		}
		c, end, err := behind(i)
		if err != nil {
			return "", err
		}
		if !end {
			list[i], over = base64.RawURLEncoding.EncodeToString([]byte(c)), false
		}
	}
	if over {
		return "", nil
	}
	return strings.Join(list, "."), nil
}
