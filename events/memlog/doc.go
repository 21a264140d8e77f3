// Package memlog is the log in memory, for tests and simulation.
//
// It promises the contract of events.Log with the subjects of the real stream:
// the push of a fact becomes its bucket as it is stored, and an expected
// sequence is compared with the last of the stored subject. Faults and time come
// from outside, so that a run can be repeated exactly.
//
// It must never be where a node keeps its events: nothing of it is durable.
//
// Laws kept here: L1 (the three outcomes of an append, two of them on demand),
// L5 (expected sequences), L12 (a gap is an error).
package memlog
