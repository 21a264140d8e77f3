// Package audit walks a whole log and checks what the ledger promises against
// nothing but the events themselves.
//
// It promises to name the first event that breaks a law, with its position; a
// chain of hashes over every byte of the log whose anchors can be kept elsewhere
// and checked later; and figures that add up. It computes who a recall concerns
// from the facts, beside the projection and without its code, so that an error
// in one is not repeated in the other; and Rebuild folds the log once more and
// compares the result with the projection that is there.
//
// Of several partitions each has its own report; what must hold between them is
// judged once all are read: that every push stands in the partition its id belongs
// to, and that the new push of an override is there in time. Partitions have no
// order in common, so times are compared, with some leeway.
//
// It must never write, and never pass over what it cannot judge: what is still
// under way at the end of the log is counted as open. It holds state for the
// notifications of recalled pushes alone, about 150 bytes and the device's id
// each.
//
// Laws checked: L5 (a recall is there once), L7 (nobody is called who clicked
// before the command), L8 (everybody concerned is commanded once and ends once),
// L9 (nobody else is), L12 (no gap, nothing changed).
package audit
