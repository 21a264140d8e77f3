// Package jetstream is the log on NATS JetStream, the same for a server in the
// process and for a cluster.
//
// It promises that Append returns nil only after the server acknowledged a
// stream whose every write is fsynced, that a lost compare-and-set is
// events.ErrConflict, and that a missing answer is events.ErrUnknown.
//
// It must never change, delete or degrade a stream: a stream whose settings
// differ from the code's is refused with the difference (L12).
//
// Laws kept here: L1, L2, L5 (expected sequences), L12.
package jetstream
