package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// maxDepth bounds the nesting of values that are passed over.
const maxDepth = 32

var (
	errShort = errors.New("the JSON ends too early")
	errTail  = errors.New("there is text after the JSON value")
	errUTF8  = errors.New("is not valid UTF-8")
	errHalf  = errors.New("has half of a surrogate pair as \\u escape")
)

// scanner walks JSON in place. It exists because a fact names up to a thousand
// devices and folding must not make garbage for each: strings without escapes
// are returned as views of the input.
type scanner struct {
	b []byte
	i int
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

func (s *scanner) expect(c byte) error {
	s.space()
	if s.i >= len(s.b) {
		return errShort
	}
	if s.b[s.i] != c {
		return fmt.Errorf("expected %q at byte %d, found %q", c, s.i, s.b[s.i])
	}
	s.i++
	return nil
}

func (s *scanner) end() error {
	s.space()
	if s.i != len(s.b) {
		return errTail
	}
	return nil
}

// object calls field for every key with the scanner at its value; field must
// consume the value.
func (s *scanner) object(field func(key string) error) error {
	if err := s.expect('{'); err != nil {
		return err
	}
	s.space()
	if s.i < len(s.b) && s.b[s.i] == '}' {
		s.i++
		return nil
	}
	for {
		key, err := s.text()
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		if err := field(key); err != nil {
			return err
		}
		more, err := s.next('}')
		if err != nil || !more {
			return err
		}
	}
}

// next reads a comma (true) or the closing byte (false).
func (s *scanner) next(closing byte) (bool, error) {
	s.space()
	if s.i >= len(s.b) {
		return false, errShort
	}
	switch s.b[s.i] {
	case ',':
		s.i++
		return true, nil
	case closing:
		s.i++
		return false, nil
	}
	return false, fmt.Errorf("expected ',' or %q at byte %d, found %q", closing, s.i, s.b[s.i])
}

// text returns the next string. It returns it by value: a string written through
// a pointer would be allocated for every device of a fact.
func (s *scanner) text() (string, error) {
	if err := s.expect('"'); err != nil {
		return "", err
	}
	start := s.i
	for i := start; i < len(s.b); i++ {
		switch c := s.b[i]; {
		case c == '"':
			s.i = i + 1
			return unsafe.String(unsafe.SliceData(s.b[start:i]), i-start), nil
		case c == '\\':
			return s.escaped(start - 1)
		case c < 0x20:
			return "", fmt.Errorf("raw control character %#02x in a string at byte %d", c, i)
		}
	}
	return "", errShort
}

// escaped reads a string with escapes, from its opening quote.
func (s *scanner) escaped(open int) (v string, err error) {
	for i := open + 1; i < len(s.b); i++ {
		switch s.b[i] {
		case '\\':
			i++
		case '"':
			s.i = i + 1
			if err := checkEncoding(s.b[open:s.i]); err != nil {
				return "", err
			}
			err = json.Unmarshal(s.b[open:s.i], &v)
			return v, err
		}
	}
	return "", errShort
}

// checkEncoding reports JSON that encoding/json would read with U+FFFD in place
// of what is wrong: two different ids would become one.
func checkEncoding(b []byte) error {
	if !utf8.Valid(b) {
		return errUTF8
	}
	for i := bytes.IndexByte(b, '\\'); i >= 0 && i < len(b); {
		r, ok := unicodeEscape(b[i:])
		switch {
		case b[i] != '\\':
			i++
		case !ok:
			i += 2
		case !utf16.IsSurrogate(r):
			i += 6
		default:
			low, ok := unicodeEscape(b[i+6:])
			if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
				return errHalf
			}
			i += 12
		}
	}
	return nil
}

// unicodeEscape reads \uXXXX at the start of b.
func unicodeEscape(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(n), err == nil
}

func (s *scanner) strings(dst []string, limit int) ([]string, error) {
	if err := s.expect('['); err != nil {
		return dst, err
	}
	s.space()
	if s.i < len(s.b) && s.b[s.i] == ']' {
		s.i++
		return dst, nil
	}
	for {
		if len(dst) == limit {
			return dst, fmt.Errorf("has more than %d entries; split the event", limit)
		}
		v, err := s.text()
		if err != nil {
			return dst, err
		}
		dst = append(dst, v)
		more, err := s.next(']')
		if err != nil || !more {
			return dst, err
		}
	}
}

func (s *scanner) number() (int, error) {
	raw, err := s.raw()
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(string(raw))
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number", raw)
	}
	return n, nil
}

func (s *scanner) time() (time.Time, error) {
	v, err := s.text()
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339, v)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not RFC 3339, for example 2026-11-20T09:41:00Z", v)
	}
	return t, nil
}

// raw returns the bytes of the next value, whatever it is.
func (s *scanner) raw() ([]byte, error) {
	s.space()
	start := s.i
	if err := s.skip(0); err != nil {
		return nil, err
	}
	return s.b[start:s.i], nil
}

func (s *scanner) skip(depth int) error {
	s.space()
	if s.i >= len(s.b) {
		return errShort
	}
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	switch c := s.b[s.i]; c {
	case '{':
		return s.object(func(string) error { return s.skip(depth + 1) })
	case '[':
		s.i++
		s.space()
		if s.i < len(s.b) && s.b[s.i] == ']' {
			s.i++
			return nil
		}
		for {
			if err := s.skip(depth + 1); err != nil {
				return err
			}
			more, err := s.next(']')
			if err != nil || !more {
				return err
			}
		}
	case '"':
		_, err := s.text()
		return err
	default:
		return s.literal()
	}
}

// literal passes over a number, true, false or null.
func (s *scanner) literal() error {
	start := s.i
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
		default:
			s.i++
			continue
		}
		break
	}
	if !json.Valid(s.b[start:s.i]) {
		return fmt.Errorf("expected a JSON value at byte %d", start)
	}
	return nil
}
