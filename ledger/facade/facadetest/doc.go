// Package facadetest runs a whole ledger for the tests of what answers on HTTP:
// the facades, and the API beside them.
//
// It promises a real log on a real disk with its projection, committer, decider
// and desk, a clock that can be moved, parts that can be taken away, what the
// node logged, one way to make a request, and the replay of recorded exchanges.
// A part that fails without having been taken away fails the test; nothing of it
// runs on when the test has ended.
//
// It must never stand in for a part of ours, know what one facade alone does
// (signatures, codes), or import the API. It is imported by tests only.
package facadetest
