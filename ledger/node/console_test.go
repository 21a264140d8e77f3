package node

import (
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestHeld(t *testing.T) {
	n := &Node{stats: newMeters(prometheus.NewRegistry())}
	o := n.observer(0)
	for _, c := range []struct {
		app, channel string
		closed       bool
		shop, other  []string
	}{
		{"shop", "fcm", false, nil, nil},
		{"shop", "fcm", true, []string{"fcm"}, nil},
		{"shop", "fcm", true, []string{"fcm"}, nil},
		{"shop", "apns", true, []string{"apns", "fcm"}, nil},
		{"other", "fcm", true, []string{"apns", "fcm"}, []string{"fcm"}},
		{"shop", "fcm", false, []string{"apns"}, []string{"fcm"}},
		{"shop", "apns", false, []string{}, []string{"fcm"}},
	} {
		o.Gate(c.app, c.channel, c.closed)
		if got, other := n.held.of("shop"), n.held.of("other"); !slices.Equal(got, c.shop) || !slices.Equal(other, c.other) {
			t.Errorf("after %s %s %t: held are %v and %v", c.app, c.channel, c.closed, got, other)
		}
	}
}

func TestDisk(t *testing.T) {
	n := &Node{c: Config{Data: t.TempDir()}}
	d, err := n.disk()
	if err != nil || d.Total == 0 || d.Free > d.Total {
		t.Errorf("%+v, %v", d, err)
	}
	n.c.Data += "/none"
	if _, err := n.disk(); err == nil {
		t.Error("a folder that is not there has a disk")
	}
}
