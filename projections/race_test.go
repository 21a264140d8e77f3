//go:build race

package projections

const slower = 16
