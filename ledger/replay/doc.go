// Package replay is the ledger as it was: the log folded anew up to a past
// position or time, in a temporary folder, to ask the same questions of.
//
// It promises that what it answers is what a node that was given the events up to
// there, and no more, would answer (L3); that a moment is fixed to exact positions
// once, so that asking for those gives the same ledger again; and that the folder
// is gone when nobody asks any more, at the latest when the next node starts.
//
// It must never write to a log, call a vendor or answer from less of a partition
// than was asked for: a moment that the log does not reach is refused, naming the
// field as_of. It must never fold a push's own events alone. A device's place in
// the order of lists and in cursors, and which devices are a user's, follow from
// the events of other pushes as well, so a fold of fewer events gives other lists
// and other plans for recalls of users. The events of one partition do not depend
// on another's, so a question about one push needs its partition alone.
//
// A log that no longer begins at its first event gives pushes that are cut: what
// began before is not known whole. A question about a push of which that is known
// is refused; for lists Moment.First says from where on they are whole.
//
// Laws kept here: L3, L9 (what cannot be read as a moment is an error, never the
// present), L11 (folds at once, their time, their bytes and how long they are kept
// are bounded by name), L12.
package replay
