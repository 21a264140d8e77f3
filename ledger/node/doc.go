// Package node assembles a whole Recall Ledger: the log (embedded or external),
// the projection, decisions, planner, channel workers, devices and the HTTP API.
//
// It promises that a data folder has one node at a time, that a node without
// credentials or TLS is not reachable from elsewhere unless told that something
// in front of it does that (L10), and that stopping loses nothing: what was
// accepted is on the log before the process ends.
//
// It must never decide anything of the domain: it wires parts and runs them.
//
// Laws kept here: L1 (sync always is the only way it starts a server), L10, L12
// (a part that fails stops the node with its reason).
package node
