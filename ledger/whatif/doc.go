// Package whatif replays one push from the log and tells what an earlier recall
// would have saved: clicks, displays, and how long the wrong notification stood
// on screens.
//
// It promises that the answer follows from the log and the assumptions that
// Assumptions names, and nothing else; that where the log does not tell, nothing
// is counted as saved; and that facts count at the time at which they happened,
// but never later than when they were stored.
//
// It must never write to a log or cause a command, and must never read a clock:
// what is still on a screen counts up to the newest event of the push. It holds
// about 400 bytes for each notification of the push, up to a limit with a name
// (L11).
//
// Laws kept here: L4 (facts that come late, twice or in another order give the
// same answer), L9 (an unknown push is nothing, not everything).
package whatif
