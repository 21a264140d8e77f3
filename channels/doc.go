// Package channels defines what can be taken back, and how: the closed set of
// channels, the matrix that says what each one allows, and the vocabulary
// between the ledger and the adapters (Command, Result, Emitter).
//
// It promises that every statement about a vendor is dated data with its source
// in one table (matrix.go), and that a method is never stronger than the table
// says.
//
// It must never do I/O or read a clock, and must never branch on a channel's
// name outside the table: adapters live in packages of their own below.
//
// Laws kept here: L7 (adapters get only the devices to be touched), L8 (one
// result per device), L9 (a channel that cannot tell devices apart says so).
package channels
