// Package projections computes what is known: which devices still hold which
// push unclicked, how far each recall is, and everything else that can be asked,
// as a fold of the log kept in Pebble.
//
// It promises that a projection is a function of the events 1..S and nothing
// else (L3): deleted and replayed, its sorted dump is byte-identical, whatever
// the batch sizes, checkpoints and crashes. Rows and the applied position are
// one batch, so that a crash resumes from the last checkpoint and replays the
// rest.
//
// It must never hold anything that the log could not give back, and must never
// pass over damage: a log that is not the one it knew, a gap, or a store that
// cannot be read stop it with a clear message (L12); so does a device of which the
// row is lost, though only when the count of the rows comes to it. A bad event is
// kept as quarantined and the fold goes on.
//
// Pushes are forgotten by whole weeks, in the order of the log and at its time, see
// Config.Keep: a push, its notifications and its recalls are then not known any
// more, as if they had never been. Facts that still come make a new push of that
// id, in the newest week; whatever else comes is about an unknown push. Apps,
// channels, devices, users, idempotency keys and quarantined messages stay.
//
// Layout: a device gets an ordinal per app and channel when it is first named. The
// store finds it by the hash of its token; in memory is what was named lately, within
// Config.Dictionaries, by segments of a hash table that come and go one by one.
// A notification is one byte of facts in a page of 4096 ordinals, and one byte
// more per recall that concerns it. Pages, counters and the small rows beside
// them are changed in memory and written back at checkpoints, so that the store
// is not bound by one put per fact.
package projections
