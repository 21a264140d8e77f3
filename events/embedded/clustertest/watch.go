package clustertest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	// Patience bounds every wait. An election takes up to ten seconds, twice that
	// when its first vote is split.
	Patience = 90 * time.Second
	// pollEvery is how often servers are asked while something is awaited.
	pollEvery = 25 * time.Millisecond
	// answerIn is how long a server may take to answer; a paused one never does.
	answerIn = 2 * time.Second
)

// State is what one server says of JetStream (its endpoint /jsz).
type State struct {
	Meta *struct {
		Leader   string `json:"leader"`
		Size     int    `json:"cluster_size"`
		Replicas []Peer `json:"replicas"`
	} `json:"meta_cluster"`
	Accounts []struct {
		Name    string   `json:"name"`
		Streams []Stream `json:"stream_detail"`
	} `json:"account_details"`
}

// Peer is a member of a group as its leader sees it.
type Peer struct {
	Name    string `json:"name"`
	Current bool   `json:"current"`
	Offline bool   `json:"offline"`
	Lag     uint64 `json:"lag"`
}

// Stream is a stream as one server holds it.
type Stream struct {
	Name    string `json:"name"`
	Cluster struct {
		Leader   string `json:"leader"`
		Replicas []Peer `json:"replicas"`
	} `json:"cluster"`
	State struct {
		Messages   uint64 `json:"messages"`
		Bytes      uint64 `json:"bytes"`
		FirstSeq   uint64 `json:"first_seq"`
		LastSeq    uint64 `json:"last_seq"`
		NumDeleted int    `json:"num_deleted"`
	} `json:"state"`
}

// Stream returns a stream as the server holds it, nil when it holds none.
func (s *State) Stream(name string) *Stream {
	if s == nil {
		return nil
	}
	for _, a := range s.Accounts {
		for i := range a.Streams {
			if a.Streams[i].Name == name {
				return &a.Streams[i]
			}
		}
	}
	return nil
}

// Ask returns what server i says; an error when it does not answer.
func (k *Cluster) Ask(i int) (*State, error) {
	s := k.servers[i]
	if !s.running() || s.paused {
		return nil, fmt.Errorf("server %s does not run", s.name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerIn)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, k.Monitor(i)+"/jsz?accounts=true&streams=true", nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	state := new(State)
	if err := json.NewDecoder(answer.Body).Decode(state); err != nil {
		return nil, fmt.Errorf("server %s, %s: %w", s.name, answer.Status, err)
	}
	return state, nil
}

// Await asks the servers until holds says "", and fails the test with what it
// said last after Patience. States are nil for servers that do not answer.
func (k *Cluster) Await(what string, holds func([]*State) (lacks string)) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), Patience)
	defer cancel()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		states := make([]*State, len(k.servers))
		for i := range states {
			// A server that does not answer has no state.
			states[i], _ = k.Ask(i)
		}
		lacks := holds(states)
		if lacks == "" {
			return
		}
		select {
		case <-ctx.Done():
			k.t.Fatalf("waited for %s: %s (%s)", what, lacks, k)
		case <-poll.C:
		}
	}
}

// agreed returns the server that a majority of all servers names, -1 for none. A
// leader that was cut off still names itself.
func (k *Cluster) agreed(states []*State, leader func(*State) string) int {
	votes := map[string]int{}
	for _, s := range states {
		if s == nil {
			continue
		}
		name := leader(s)
		votes[name]++
		if i := k.Index(name); i >= 0 && 2*votes[name] > len(states) {
			return i
		}
	}
	return -1
}

// MetaLeader waits until a majority agrees on who leads the cluster itself.
func (k *Cluster) MetaLeader() int {
	k.t.Helper()
	found := -1
	k.Await("a leader of the cluster", func(states []*State) string {
		found = k.agreed(states, func(s *State) string {
			if s.Meta == nil {
				return ""
			}
			return s.Meta.Leader
		})
		if found < 0 {
			return "no majority names one"
		}
		return ""
	})
	return found
}

// Leader waits until a majority agrees on who leads a stream, and that server
// runs. With one server, it is that one.
func (k *Cluster) Leader(stream string) int {
	k.t.Helper()
	return k.LeaderAfter(stream, -1)
}

// LeaderAfter is Leader, and waits until that is another server than old: one
// that was cut off counts as the leader until its peers have missed it.
func (k *Cluster) LeaderAfter(stream string, old int) int {
	k.t.Helper()
	if len(k.servers) == 1 {
		return 0
	}
	found := -1
	k.Await("a leader of stream "+stream, func(states []*State) string {
		found = k.agreed(states, func(s *State) string {
			if st := s.Stream(stream); st != nil {
				return st.Cluster.Leader
			}
			return ""
		})
		if found < 0 || found == old || states[found] == nil {
			return "no majority names one that answers"
		}
		return ""
	})
	return found
}

// WaitWhole waits until the cluster has a leader and every server that runs is a
// current member of it.
func (k *Cluster) WaitWhole() {
	k.t.Helper()
	if len(k.servers) == 1 {
		return
	}
	k.Await("a whole cluster", func(states []*State) string {
		leader := k.agreed(states, func(s *State) string {
			if s.Meta == nil {
				return ""
			}
			return s.Meta.Leader
		})
		if leader < 0 || states[leader] == nil || states[leader].Meta == nil {
			return "it has no leader"
		}
		m := states[leader].Meta
		if m.Size != len(k.servers) {
			return fmt.Sprintf("the leader knows %d of %d servers", m.Size, len(k.servers))
		}
		return k.behind(states, m.Replicas)
	})
}

// WaitCurrent waits until every server that runs holds the stream as its leader
// does.
func (k *Cluster) WaitCurrent(stream string) {
	k.t.Helper()
	k.Await("current replicas of stream "+stream, func(states []*State) string {
		var want *Stream
		for i, s := range states {
			if st := s.Stream(stream); st != nil && st.Cluster.Leader == k.Name(i) {
				want = st
			}
		}
		if len(k.servers) == 1 {
			return ""
		}
		if want == nil {
			return "it has no leader"
		}
		for i, s := range states {
			if !k.Running(i) {
				continue
			}
			have := s.Stream(stream)
			if have == nil {
				return k.Name(i) + " does not have it"
			}
			if have.State != want.State {
				return fmt.Sprintf("%s has %+v, the leader %+v", k.Name(i), have.State, want.State)
			}
		}
		return k.behind(states, want.Cluster.Replicas)
	})
}

// behind names the replicas that run and are not current.
func (k *Cluster) behind(states []*State, replicas []Peer) string {
	var lacks []string
	for _, p := range replicas {
		if i := k.Index(p.Name); i >= 0 && states[i] != nil && (!p.Current || p.Offline || p.Lag > 0) {
			lacks = append(lacks, fmt.Sprintf("%s is not current, lag %d", p.Name, p.Lag))
		}
	}
	return strings.Join(lacks, "; ")
}
