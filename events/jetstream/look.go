package jetstream

import (
	"context"
	"time"

	js "github.com/nats-io/nats.go/jetstream"
)

// look is what was seen of a stream at one time.
type look struct {
	partition int
	stream    string
	err       error
	leader    string
	// state is the leader's copy.
	state    StreamState
	replicas []*js.PeerInfo
	// copies are those of all servers that answered, by their names.
	copies map[string]StreamState
}

// look asks the leader.
func (w *Watch) look(ctx context.Context, partition int) look {
	l := look{partition: partition, stream: StreamName(partition), copies: map[string]StreamState{}}
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	var info infoResponse
	if l.err = ask(ctx, w.c.Conn, "STREAM.INFO."+l.stream, nil, &info); l.err != nil {
		return l
	}
	l.state = StreamState{Messages: info.State.Msgs, First: info.State.FirstSeq, Last: info.State.LastSeq, Deleted: info.State.NumDeleted}
	l.leader = w.c.Conn.ConnectedServerName()
	if info.Cluster != nil {
		l.leader, l.replicas = info.Cluster.Leader, info.Cluster.Replicas
	}
	return l
}

// offlineAfter is when a silent server counts as offline; that of one that was
// killed is said by NATS only after some minutes.
const offlineAfter = 10 * time.Second

// take adds what the servers say of their copies.
func (l *look) take(servers []ServerState) {
	for _, s := range servers {
		if c, ok := s.Streams[l.stream]; ok {
			l.copies[s.Name] = c
		}
	}
	// The leader told of its copy in any case.
	if _, ok := l.copies[l.leader]; !ok && l.err == nil {
		l.copies[l.leader] = l.state
	}
}

// group is the name of the Raft group; a server that is starting does not say it.
func (l *look) group() string {
	for _, c := range l.copies {
		if c.Group != "" {
			return c.Group
		}
	}
	return ""
}

// current reports whether the leader believes that a server has everything.
func (l *look) current(server string) bool {
	if server == l.leader {
		return true
	}
	for _, r := range l.replicas {
		if r.Name == server {
			return r.Current && !r.Offline && r.Lag == 0
		}
	}
	return false
}

// checkStream compares a look with the one before it.
func (w *Watch) checkStream(now, before look) []Finding {
	find := func(kind Trouble, server, text string, a ...any) Finding {
		return finding(kind, now.stream, now.partition, server, now.group(), text, a...)
	}
	switch {
	case isCode(now.err, js.JSErrCodeStreamNotFound):
		return []Finding{find(NoStream, "", "stream %s does not exist", now.stream)}
	case now.err != nil:
		return []Finding{find(NoLeader, "", "no leader of stream %s answers: %v", now.stream, now.err)}
	}
	var found []Finding
	for _, r := range now.replicas {
		switch {
		case r.Offline || r.Active > offlineAfter:
			found = append(found, find(Offline, r.Name, "server %s, which has a copy of stream %s, was last heard of %s ago", r.Name, now.stream, r.Active.Round(time.Second)))
		case !r.Current && r.Active < quiet && before.leader == now.leader && !before.current(r.Name):
			found = append(found, find(Behind, r.Name, "the copy of stream %s on server %s is behind by %d operations", now.stream, r.Name, r.Lag))
		}
	}
	for server, c := range now.copies {
		if !c.Whole() {
			found = append(found, find(Gap, server, "the copy of stream %s on server %s has a gap: it holds %d messages from %d to %d, which is wrong by %d",
				now.stream, server, c.Messages, c.First, c.Last, c.missing()))
			continue
		}
		if text := now.differs(server, before); text != "" {
			found = append(found, find(Differs, server, "the copy of stream %s on server %s is not that of its leader %s although it counts as current: %s", now.stream, server, now.leader, text))
		}
	}
	if text := w.speed.slow(&w.c, now, before); text != "" {
		found = append(found, find(SlowLeader, now.leader, "appends to stream %s take long while server %s leads: %s", now.stream, now.leader, text))
	}
	return found
}

// differs says what a copy lacks that was there a look ago already, so that it
// cannot be under way; "" for nothing.
func (l *look) differs(server string, before look) string {
	c, leader := l.copies[server], l.copies[l.leader]
	was, seen := before.copies[server]
	led, known := before.copies[before.leader]
	if server == l.leader || !seen || !known || !l.current(server) || before.leader != l.leader {
		return ""
	}
	switch {
	case c.Last < led.Last:
		return "it ends at " + seq(c.Last) + ", and the log reached " + seq(led.Last) + " long ago"
	case c.First > leader.First && was.First == c.First && led.First == leader.First:
		return "it begins at " + seq(c.First) + ", and the log at " + seq(leader.First)
	case c.First == leader.First && c.Last == leader.Last && c.Messages != leader.Messages && was == c && led == leader:
		return "it holds " + seq(c.Messages) + " messages, and the leader " + seq(leader.Messages)
	}
	return ""
}

// Nearly full is a share of what the store may take.
const (
	nearlyFull = 0.85
	allButFull = 0.95
)

// checkServers looks at the servers as a whole. Their clocks are compared with
// this one's from when they were asked until now.
func (w *Watch) checkServers(servers []ServerState, asked time.Time) []Finding {
	var found []Finding
	answered := w.c.Clock()
	for _, s := range servers {
		if !s.SyncAlways && !w.c.AcceptUnsynced {
			found = append(found, finding(Unsynced, "", -1, s.Name, "", "server %s acknowledges writes that are not on disk (sync_interval %s)", s.Name, s.SyncInterval))
		}
		if s.MaxStore > 0 && float64(s.Store) > nearlyFull*float64(s.MaxStore) {
			f := finding(Full, "", -1, s.Name, "", "the JetStream store of server %s is full by %d %%", s.Name, 100*s.Store/s.MaxStore)
			if float64(s.Store) > allButFull*float64(s.MaxStore) {
				f.Severity = Critical
			}
			found = append(found, f)
		}
		if d := max(asked.Sub(s.At), s.At.Sub(answered)); d > w.c.MaxSkew {
			found = append(found, finding(Skew, "", -1, s.Name, "", "the clock of server %s differs from this machine's by %s", s.Name, d.Round(time.Millisecond)))
		}
	}
	return found
}
