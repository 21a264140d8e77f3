package jetstream

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/recall-ledger/recall-ledger/events/embedded"
)

// TestAskAgain: an answer is what was answered last, with nothing in it of a
// refusal before.
func TestAskAgain(t *testing.T) {
	s, err := embedded.Start(embedded.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	conn, err := s.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := []string{
		`{"error":{"code":503,"err_code":10008,"description":"JetStream system temporarily unavailable"}}`,
		`{"state":{"last_seq":4},"cluster":{"leader":""}}`,
		`{"state":{"last_seq":5},"cluster":{"leader":"a","replicas":[{"name":"b","offline":true,"active":9},{"name":"c","offline":true,"active":9}]}}`,
		`{"state":{"last_seq":7},"cluster":{"leader":"a","replicas":[{"name":"b","active":9},{"name":"c","active":9}]}}`,
	}
	if _, err := conn.Subscribe(apiPrefix+"TEST", func(m *nats.Msg) {
		answer := answers[0]
		if len(answers) > 1 {
			answers = answers[1:]
		}
		if err := m.Respond([]byte(answer)); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var info infoResponse
	if err := ask(ctx, conn, "TEST", nil, &info); err != nil {
		t.Fatal(err)
	}
	if info.State.LastSeq != 7 || info.Cluster.Replicas[0].Offline {
		t.Errorf("the answer is %+v, %+v", info.State, info.Cluster.Replicas[0])
	}
}

// TestAlone: a leader is believed while it hears from so many replicas that the
// others are no majority.
func TestAlone(t *testing.T) {
	heard := &js.PeerInfo{Active: time.Second}
	silent, never, offline := &js.PeerInfo{Active: quiet}, &js.PeerInfo{}, &js.PeerInfo{Active: time.Second, Offline: true}
	for _, test := range []struct {
		name     string
		replicas []*js.PeerInfo
		want     bool
	}{
		{"no replicas", nil, false},
		{"one of one", []*js.PeerInfo{heard}, false},
		{"none of one", []*js.PeerInfo{silent}, true},
		{"two of two", []*js.PeerInfo{heard, heard}, false},
		{"one of two", []*js.PeerInfo{heard, silent}, false},
		{"one of two, one never heard of", []*js.PeerInfo{never, heard}, false},
		{"one of two, one offline", []*js.PeerInfo{offline, heard}, false},
		{"none of two", []*js.PeerInfo{silent, silent}, true},
		{"none of two, never heard of", []*js.PeerInfo{never, never}, true},
		{"none of two, offline", []*js.PeerInfo{offline, offline}, true},
		{"two of four", []*js.PeerInfo{heard, heard, silent, silent}, false},
		{"one of four", []*js.PeerInfo{heard, silent, silent, silent}, true},
	} {
		if got := alone(test.replicas); got != test.want {
			t.Errorf("%s: alone = %v, want %v", test.name, got, test.want)
		}
	}
}
