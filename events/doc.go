// Package events defines what can happen to a push: the event types, their
// JSON form, the subject grammar and the contract of the log that keeps them.
//
// It promises that a kind or version once written stays readable for ever
// (golden files under testdata), that Encode and Decode are exact inverses, and
// that every event is validated on both sides of the log by the same rules.
//
// It must never import another package of this module, open a file or a
// connection, or read a clock: whatever varies comes from the caller.
//
// Laws kept here: L1 (an append is stored, in conflict or unknown; never
// guessed), L2 (one log), L11 (every limit has a name), L12 (a bad event is an
// error that names the field).
package events
