package events

import (
	"cmp"
	"fmt"
	"slices"
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

// Positions say where in every partition of a log something stands, at most one
// for each, by partition. The empty Positions are before everything.
type Positions []Position

// String writes the positions divided by commas, for example "0-1742,1-90".
func (p Positions) String() string {
	texts := make([]string, len(p))
	for i, pos := range p {
		texts[i] = pos.String()
	}
	return strings.Join(texts, ",")
}

// Of returns the sequence in a partition, 0 when none is named.
func (p Positions) Of(partition int) Seq {
	for _, pos := range p {
		if pos.Partition == partition {
			return pos.Seq
		}
	}
	return 0
}

// Merge returns the later of both in every partition.
func (p Positions) Merge(o Positions) Positions {
	all := slices.Concat(p, o)
	slices.SortFunc(all, func(a, b Position) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(b.Seq, a.Seq))
	})
	return slices.CompactFunc(all, func(a, b Position) bool { return a.Partition == b.Partition })
}

// maxPartitions bounds the positions of one text (L11).
const maxPartitions = 1024

// ParsePositions reads what String wrote. A partition may not be named twice.
func ParsePositions(s string) (Positions, error) {
	var list Positions
	for text := range strings.SplitSeq(s, ",") {
		p, err := ParsePosition(text)
		if err != nil {
			return nil, err
		}
		if list = append(list, p); len(list) > maxPartitions {
			return nil, fmt.Errorf("more than %d positions, the limit", maxPartitions)
		}
	}
	merged := Positions(nil).Merge(list)
	if len(merged) != len(list) {
		return nil, fmt.Errorf("position %.80q: a partition is named twice", s)
	}
	return merged, nil
}

// MarshalText makes positions readable in JSON.
func (p Positions) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *Positions) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*p = nil
		return nil
	}
	v, err := ParsePositions(string(b))
	if err != nil {
		return err
	}
	*p = v
	return nil
}
