package events

import (
	"fmt"
	"strconv"
	"strings"
)

// Seq is a sequence number of one stream; the first message has 1.
type Seq uint64

// Position says where in the log something stands: a partition and a sequence
// in that partition's stream. The zero Position is before everything.
type Position struct {
	Partition int
	Seq       Seq
}

// String writes the position as "partition-sequence", for example "0-1742".
func (p Position) String() string {
	return strconv.Itoa(p.Partition) + "-" + strconv.FormatUint(uint64(p.Seq), 10)
}

// ParsePosition reads what String wrote.
func ParsePosition(s string) (Position, error) {
	part, seq, ok := strings.Cut(s, "-")
	if !ok {
		return Position{}, fmt.Errorf("position %q: want PARTITION-SEQUENCE, for example 0-1742", s)
	}
	p, err := strconv.ParseUint(part, 10, 16)
	if err != nil {
		return Position{}, fmt.Errorf("position %q: the partition is not a number of 0 to 65535", s)
	}
	n, err := strconv.ParseUint(seq, 10, 64)
	if err != nil {
		return Position{}, fmt.Errorf("position %q: the sequence is not a number", s)
	}
	return Position{Partition: int(p), Seq: Seq(n)}, nil
}

// MarshalText makes a position readable in JSON.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *Position) UnmarshalText(b []byte) error {
	v, err := ParsePosition(string(b))
	if err != nil {
		return err
	}
	*p = v
	return nil
}
