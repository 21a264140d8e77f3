// Package dispatch carries accepted recalls out: the planner turns the plan of
// a recall into commands on the log, and one worker pool per channel turns
// commands into vendor calls and their results into outcomes on the log.
//
// It promises that every notification the fold marked, planned or late, gets
// exactly one command (L8), fenced so that two planners cannot both write it;
// that no vendor is called for a device whose click or clear stood in the log
// when its command was taken up, or was known to the projection when the call was
// made (L7); and that a command is acknowledged only after what came of it is
// durable.
//
// It must never decide what a recall concerns (the fold does), never hold a
// queue that the log does not hold (L2), and never repeat a call whose result is
// unknown unless the matrix says that a repeated call is harmless: the others are
// claimed on the log before they are made.
package dispatch
