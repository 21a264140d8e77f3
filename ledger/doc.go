// Package ledger decides what may happen: the state of a push and of its
// notifications, how events change it (evolve), and which recalls are accepted
// (decide).
//
// It promises that both are plain functions of their arguments: the projection
// and the decision use the same ones, so they cannot disagree.
//
// It must never read a clock, draw a random number or do I/O; times and ids
// come from the caller.
//
// Laws kept here: L3 (pure), L4 (facts are a union), L5 (one recall), L6 (the
// fingerprint of a request), L9 (a scope never widens).
package ledger
