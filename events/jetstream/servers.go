package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// ServersConfig says how the servers of a cluster are asked about themselves. A
// client of the log's own account cannot: it takes a user of the system account,
// or the servers' monitoring endpoints.
type ServersConfig struct {
	// System is a connection of a user of the system account.
	System *nats.Conn
	// Monitors are the base URLs of the monitoring endpoints of every server, for
	// example http://10.0.0.1:8222, where there is no such user.
	Monitors []string
	// HTTP reads them. Default a client without keep-alive.
	HTTP *http.Client
}

// Servers asks the servers of a cluster about themselves.
type Servers struct{ c ServersConfig }

// NewServers returns nil when nothing is configured: nil Servers know nothing,
// and what needs them says so.
func NewServers(c ServersConfig) *Servers {
	if c.System == nil && len(c.Monitors) == 0 {
		return nil
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	}
	return &Servers{c}
}

// ServerState is what one server says of itself.
type ServerState struct {
	Name, Version string
	// SyncAlways is whether it fsyncs before it acknowledges; otherwise
	// SyncInterval is how long it may take.
	SyncAlways   bool
	SyncInterval time.Duration
	// MetaLeader is who leads the cluster, as far as this server knows.
	MetaLeader string
	// Size is how many servers the cluster has, running or not.
	Size int
	// Store and MaxStore are what its streams take on disk and may take.
	Store, MaxStore uint64
	// At is its clock when it answered.
	At time.Time
	// Streams are those it holds, by name.
	Streams map[string]StreamState
}

// StreamState is a stream as one server holds it.
type StreamState struct {
	Messages, First, Last uint64
	// Deleted is how many sequences between first and last are missing.
	Deleted int
	// Leader is who leads it, as far as the server knows.
	Leader string
	// Group is its Raft group: the name of its folder below the system account.
	Group string
}

// Whole reports whether the server holds everything from first to last.
func (s StreamState) Whole() bool {
	return s.Deleted == 0 && (s.Messages == 0 || s.Messages == s.Last-s.First+1)
}

// missing is how many messages from first to last are not there. Of a copy that
// claims more than there can be, it is how many those are.
func (s StreamState) missing() uint64 {
	span := s.Last - s.First + 1
	if s.Messages > span {
		return s.Messages - span
	}
	return max(span-s.Messages, uint64(max(s.Deleted, 0)))
}

// jsz is the answer of the endpoint JSZ, as far as it is used (nats-server 2.15.2,
// server/monitor.go, measured 2026-11-20: the configuration with the sync settings
// is part of every answer).
type jsz struct {
	Now      time.Time `json:"now"`
	Disabled bool      `json:"disabled"`
	Store    uint64    `json:"storage"`
	Config   struct {
		SyncInterval time.Duration `json:"sync_interval"`
		SyncAlways   bool          `json:"sync_always"`
		MaxStore     int64         `json:"max_storage"`
	} `json:"config"`
	Meta *struct {
		Leader string `json:"leader"`
		Size   int    `json:"cluster_size"`
	} `json:"meta_cluster"`
	Accounts []struct {
		Streams []struct {
			Name    string `json:"name"`
			Group   string `json:"stream_raft_group"`
			Cluster struct {
				Leader string `json:"leader"`
			} `json:"cluster"`
			State struct {
				Messages uint64 `json:"messages"`
				First    uint64 `json:"first_seq"`
				Last     uint64 `json:"last_seq"`
				Deleted  int    `json:"num_deleted"`
			} `json:"state"`
		} `json:"stream_detail"`
	} `json:"account_details"`
}

// state takes what is needed; streams of other programs that have another name
// are no concern.
func (j *jsz) state(name, version string) ServerState {
	s := ServerState{
		Name: name, Version: version, SyncAlways: j.Config.SyncAlways, SyncInterval: j.Config.SyncInterval,
		Size: 1, Store: j.Store, MaxStore: uint64(max(j.Config.MaxStore, 0)), At: j.Now, Streams: map[string]StreamState{},
	}
	if j.Meta != nil {
		s.MetaLeader, s.Size = j.Meta.Leader, j.Meta.Size
	}
	for _, a := range j.Accounts {
		for _, st := range a.Streams {
			s.Streams[st.Name] = StreamState{
				Messages: st.State.Messages, First: st.State.First, Last: st.State.Last, Deleted: st.State.Deleted,
				Leader: st.Cluster.Leader, Group: st.Group,
			}
		}
	}
	return s
}

const (
	// serversIn bounds how long servers are waited for that do not answer.
	serversIn = 3 * time.Second
	// maxAnswer bounds the answer of a monitoring endpoint.
	maxAnswer = 16 << 20
)

// Ask returns what every server says that answers, by name. An error means that
// none did.
func (s *Servers) Ask(ctx context.Context) ([]ServerState, error) {
	if s == nil {
		return nil, errors.New("neither a user of the system account nor monitoring endpoints are configured")
	}
	ctx, cancel := context.WithTimeout(ctx, serversIn)
	defer cancel()
	var states []ServerState
	var err error
	if s.c.System != nil {
		states, err = s.ping(ctx)
	} else {
		states, err = s.monitors(ctx)
	}
	slices.SortFunc(states, func(a, b ServerState) int { return strings.Compare(a.Name, b.Name) })
	return states, err
}

// ping asks all servers at once and waits for as many answers as there are.
func (s *Servers) ping(ctx context.Context) ([]ServerState, error) {
	conn := s.c.System
	sub, err := conn.SubscribeSync(conn.NewInbox())
	if err != nil {
		return nil, fmt.Errorf("ask the servers: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	request := map[string]any{"accounts": true, "streams": true, "raft": true}
	if cluster := conn.ConnectedClusterName(); cluster != "" {
		// Others may be joined by gateways; a stream lives in one cluster.
		request["cluster"], request["exact_match"] = cluster, true
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	if err := conn.PublishRequest("$SYS.REQ.SERVER.PING.JSZ", sub.Subject, body); err != nil {
		return nil, fmt.Errorf("ask the servers: %w", err)
	}
	states, size := []ServerState(nil), 1
	for len(states) < size {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			// Who has not answered by now is missing.
			break
		}
		var answer struct {
			Server struct {
				Name    string `json:"name"`
				Version string `json:"ver"`
			} `json:"server"`
			Data  *jsz      `json:"data"`
			Error *struct{} `json:"error"`
		}
		if err := json.Unmarshal(m.Data, &answer); err != nil || answer.Data == nil || answer.Data.Disabled {
			continue // a server without JetStream holds no stream
		}
		state := answer.Data.state(answer.Server.Name, answer.Server.Version)
		states, size = append(states, state), max(size, state.Size)
	}
	if len(states) == 0 {
		return nil, errors.New("no server with JetStream answered on the system account: check that the user belongs to it")
	}
	return states, nil
}

// monitors asks the endpoints one after the other.
func (s *Servers) monitors(ctx context.Context) ([]ServerState, error) {
	var states []ServerState
	var failed []error
	for _, base := range s.c.Monitors {
		// A server that hangs must not use up the time of the others.
		once, cancel := context.WithTimeout(ctx, serversIn/time.Duration(len(s.c.Monitors)))
		state, err := s.monitor(once, strings.TrimSuffix(base, "/"))
		cancel()
		if err != nil {
			failed = append(failed, err)
			continue
		}
		states = append(states, state)
	}
	if len(states) == 0 {
		return nil, fmt.Errorf("no monitoring endpoint answered: %w", errors.Join(failed...))
	}
	return states, nil
}

func (s *Servers) monitor(ctx context.Context, base string) (ServerState, error) {
	var v struct {
		Name    string `json:"server_name"`
		Version string `json:"version"`
	}
	if err := s.get(ctx, base+"/varz", &v); err != nil {
		return ServerState{}, err
	}
	var j jsz
	if err := s.get(ctx, base+"/jsz?accounts=true&streams=true&raft=true", &j); err != nil {
		return ServerState{}, err
	}
	if j.Disabled {
		return ServerState{}, fmt.Errorf("%s: server %s has no JetStream", base, v.Name)
	}
	return j.state(v.Name, v.Version), nil
}

func (s *Servers) get(ctx context.Context, url string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := s.c.HTTP.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, answer.Status)
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	return nil
}
