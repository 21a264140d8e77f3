// Package statistics tells from the log how recalls went: how long after it was
// accepted a recall reached the notifications on each channel, who clicked
// nevertheless, and whom no way leads to.
//
// It promises exact figures: percentiles are of the times themselves by nearest
// rank, not of a histogram, and every notification a recall commanded counts
// once in each. A recall and its outcomes have the times at which the log stored
// them, as everywhere in the ledger; a click has the time at which it happened,
// but never a later one than when it was stored.
//
// It must never write to a log or cause a command, and must never read a clock.
// It holds about 200 bytes for each notification of recalled pushes, up to a limit
// with a name (L11).
//
// Laws kept here: L4 (facts that come late, twice or in another order give the
// same figures), L12 (a gap in the log is an error).
package statistics
