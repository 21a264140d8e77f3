package embedded_test

import (
	"os"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/events/embedded"
)

// TestNoPortUnlessAsked: the default node listens nowhere.
func TestNoPortUnlessAsked(t *testing.T) {
	before := listening(t)
	s := start(t, embedded.Config{})
	connect(t, s)
	if got := s.DeviceAddress(); got != "" {
		t.Errorf("DeviceAddress = %q, want none", got)
	}
	for socket := range listening(t) {
		if !before[socket] {
			t.Errorf("a socket was opened: %s", socket)
		}
	}
	// With a device listener there is exactly that one.
	start(t, embedded.Config{Devices: devices()})
	if got := len(listening(t)) - len(before); got != 1 {
		t.Errorf("%d sockets were opened for devices, want 1", got)
	}
}

// listening returns the sockets this process listens on.
func listening(t *testing.T) map[string]bool {
	t.Helper()
	mine := map[string]bool{}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if link, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			if inode, ok := strings.CutPrefix(link, "socket:["); ok {
				mine[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	found := map[string]bool{}
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		data, err := os.ReadFile(table)
		if err != nil {
			continue // no IPv6
		}
		for _, line := range strings.Split(string(data), "\n")[1:] {
			f := strings.Fields(line)
			const listen, state, inode = "0A", 3, 9
			if len(f) > inode && f[state] == listen && mine[f[inode]] {
				found[f[1]] = true
			}
		}
	}
	return found
}
