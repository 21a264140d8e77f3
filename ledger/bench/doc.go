// Package bench measures how fast the ledger is on a machine: what the log and
// the store can do at most, and what the product makes of it.
//
// It promises:
//   - A ceiling and the product are measured in one run, in turn and on the same
//     bytes, round after round, so that whatever else the machine does hits both.
//     A figure is the median of the rounds, a ratio the median of the rounds'
//     ratios.
//   - What is measured is the product as it runs: durable means fsynced with
//     sync_interval always, queryable means folded, HTTP means a connection.
//   - Of several partitions each has its log, committer, fold and store, all at
//     work at the same time; what is told is the sum, beside as many raw streams or
//     stores.
//   - A measurement that did not do what it says (a notification is missing, a
//     list is short) is an error and no figure.
//   - Everything it writes is in one folder of its own, which it removes at the
//     end, interrupted or not.
//
// It must never judge anything but the budgets in its table, make a figure from
// less than was asked for without saying so, or change how the product works in
// order to measure it.
//
// Laws it depends on: L1 (what is acknowledged is fsynced), L3 (the fold from
// scratch), L11 (every size has a limit).
package bench
