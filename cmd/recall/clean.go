package main

import (
	"strings"
	"unicode/utf8"
)

// clean makes text that somebody else wrote safe to show: whoever sends a push
// chooses its title, and an escape sequence in it could move the cursor, rewrite
// what stands above or speak to the terminal. Escape sequences and control
// characters go, line breaks and tabs become spaces, and marks that turn the
// direction of writing go, since they reorder the line around them.
func clean(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for len(s) > 0 {
		if n := escape(s); n > 0 {
			s = s[n:]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r == '\u2028' || r == '\u2029':
			b.WriteByte(' ')
		case !harmful(r):
			b.WriteRune(r) // broken UTF-8 becomes U+FFFD
		}
	}
	return b.String()
}

// cleanLines is clean for text of several lines.
func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = clean(line)
	}
	return strings.Join(lines, "\n")
}

// plain reports whether there is nothing to do, which is nearly always.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f {
			return false
		}
	}
	return true
}

// harmful reports a character that acts on a terminal instead of standing in it.
func harmful(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0x9f: // C0, DEL, C1
		return true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c: // direction
		return true
	case r == 0x2028 || r == 0x2029: // line and paragraph separators
		return true
	}
	return false
}

// escape returns the length of the escape sequence s begins with, 0 for none.
// A sequence without an end is not one: only its first character goes then, so
// that nobody can hide the rest of a text behind it.
func escape(s string) int {
	var body int
	var kind byte
	switch {
	case len(s) >= 2 && s[0] == 0x1b:
		body, kind = 2, s[1]
	case len(s) >= 2 && s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f: // C1, the one-character form
		body, kind = 2, s[1]-0x40
	default:
		return 0
	}
	switch kind {
	case '[': // a control sequence ends in a letter or one of its neighbours
		for i := body; i < len(s); i++ {
			if s[i] >= 0x40 && s[i] <= 0x7e {
				return i + 1
			}
			if s[i] < 0x20 || s[i] > 0x3f {
				return body
			}
		}
		return body
	case ']', 'P', 'X', '^', '_': // a string ends in BEL or ST
		for i := body; i < len(s); i++ {
			switch {
			case s[i] == 0x07:
				return i + 1
			case strings.HasPrefix(s[i:], "\x1b\\"), strings.HasPrefix(s[i:], "\u009c"):
				return i + 2
			}
		}
		return body
	}
	if s[0] == 0x1b && (kind < 0x20 || kind > 0x7e) {
		return 1
	}
	return 2
}

// cleanJSON makes encoded JSON safe to show without changing what it says: the
// encoder leaves DEL, C1 and direction marks as they are, and as \u escapes they
// mean the same and do nothing.
func cleanJSON(b []byte) []byte {
	if plain(string(b)) {
		return b
	}
	const hex = "0123456789abcdef"
	out := make([]byte, 0, len(b)+16)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r >= 0x7f && harmful(r) {
			out = append(out, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		} else {
			out = append(out, b[:n]...)
		}
		b = b[n:]
	}
	return out
}
