// Package partition is a ledger of several partitions as one: it finds the
// partition of a push, asks all of them where a question concerns all, and
// decides what two of them must agree on.
//
// It promises that a push's facts, decisions and commands stand in the one
// partition its id belongs to, that an answer over all partitions is merged in a
// stated order, and that an idempotency key, a rate of an app and the new push of
// an override hold over all partitions and nodes: by claims on the log, never by
// a lock.
//
// It must never write to another partition than the push's own, or answer for a
// partition it did not ask.
//
// Laws kept here: L2, L5, L6, L9, L11.
package partition
