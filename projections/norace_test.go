//go:build !race

package projections

// slower is how much the race detector slows tests down: with it Pebble also
// checks its own invariants, at every read.
const slower = 1
