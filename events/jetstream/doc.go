// Package jetstream is the log on NATS JetStream, the same for a server in the
// process and for a cluster.
//
// It promises that Append returns nil only after the server acknowledged a
// stream whose every write is fsynced, that a lost compare-and-set is
// events.ErrConflict, that a missing answer is events.ErrUnknown, and that what
// nobody took is offered again until a leader takes it, or is
// events.ErrOverloaded. A reader misses nothing and reads nothing twice while
// leaders change and replicas lag or are damaged: what a replica lacks is taken
// from the leader. A leader that its replicas have lost is not asked for the end of
// the log, nor believed what stands on a subject.
//
// Around the log: Dial connects, CheckSync refuses servers that do not sync
// always, Watch finds what NATS does not notice, Backup and Restore keep a copy
// elsewhere.
//
// It must never change, delete or degrade a stream: a stream whose settings
// differ from the code's is refused with the difference (L12). A restore makes a
// stream, never overwrites one, and removes only what it made itself.
//
// Laws kept here: L1, L2, L5 (expected sequences), L11, L12.
package jetstream
