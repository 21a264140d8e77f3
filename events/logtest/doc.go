// Package logtest is the contract of events.Log as tests.
//
// It promises that a log which passes is all or nothing in its appends, decides
// a race on one subject for exactly one writer, reads back what it acknowledged
// and follows without a gap. Every implementation runs the same suite, so what
// holds for the log in memory holds for JetStream.
//
// It must never test what only one implementation has, and never sleep: it
// waits for what it expects to happen.
//
// Laws tested here: L1, L5 (expected sequences), L11 (limits of an append), L12.
package logtest
