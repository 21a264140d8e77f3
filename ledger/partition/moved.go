package partition

import "reflect"

// Moved returns a channel that is closed when the next event of any partition is
// folded.
func (s *Set) Moved() <-chan struct{} {
	if len(s.parts) == 1 {
		return s.parts[0].Views.Moved()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.moved != nil {
		return s.moved
	}
	moved := make(chan struct{})
	s.moved = moved
	cases := make([]reflect.SelectCase, len(s.parts))
	for i, p := range s.parts {
		cases[i] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(p.Views.Moved())}
	}
	// One such waits at a time: whoever asks meanwhile gets the same channel.
	go func() {
		reflect.Select(cases)
		s.mu.Lock()
		s.moved = nil
		s.mu.Unlock()
		close(moved)
	}()
	return moved
}
