package events

import (
	"encoding/binary"
	"unsafe"
)

const (
	// every holds a byte in each of eight places, when multiplied by it.
	every = 0x0101010101010101
	high  = 0x80 * every
)

// printable reports whether a text is printable ASCII without quotes and
// backslashes, so that it is valid in an id and in JSON as it stands. Nearly every
// id is, and a broadcast has millions, so eight bytes are looked at at a time.
func printable(s string) bool {
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	if len(b) < 8 {
		for _, c := range b {
			if c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
				return false
			}
		}
		return true
	}
	for i := 0; i+8 < len(b); i += 8 {
		if odd(binary.LittleEndian.Uint64(b[i:])) {
			return false
		}
	}
	// The last eight overlap those before.
	return !odd(binary.LittleEndian.Uint64(b[len(b)-8:]))
}

// odd reports whether one of eight bytes is not printable ASCII, a quote or a
// backslash.
func odd(x uint64) bool {
	low := x - 0x20*every // borrows where a byte is below 0x20
	return ((low|zeros(x^0x7f*every)|zeros(x^'"'*every)|zeros(x^'\\'*every))&^x|x)&high != 0
}

// zeros sets the high bit of bytes that are zero. Of bytes above one that is it may
// set more, which is for odd the same answer.
func zeros(x uint64) uint64 { return (x - every) &^ x }
