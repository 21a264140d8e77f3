// Package span is the one grammar for a range of the log: which positions to
// read, written as people write it.
//
// It promises that a text means one thing or is refused with the reason, that
// relative times are fixed once, when the text is read, and that String writes
// a text with the same meaning.
//
// It must never read a clock or write to a log: the time comes from the caller,
// and a log is only asked where it begins, where it ends and when something was
// stored.
//
// Laws kept here: L9 (a range that cannot be read is an error, never the whole
// log), L12 (a range that begins before what the log keeps, or behind its end,
// is an error, never a shorter list).
package span
