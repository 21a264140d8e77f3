package selfbuilt

import "github.com/nats-io/nats.go"

// Reconnect drops a device's connection, as a lost network does.
func Reconnect(d *Device) error { return d.conn.ForceReconnect() }

// Lose tells a device that messages to it were dropped.
func Lose(d *Device) { d.asyncError(nats.ErrSlowConsumer) }

// Held returns how many live notifications wait for the answer to a sync.
func Held(d *Device) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.held)
}
