package audit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"

	"github.com/recall-ledger/recall-ledger/events"
)

// AnchorEvery is after how many events a link of the chain is closed.
const AnchorEvery = 10_000

// Anchor is the state of the chain behind an event. Anchors kept outside the
// ledger prove later that nothing before them was changed.
//
// The chain is SHA-256: a block is the hash of its events, each written as
// sequence (8 bytes, big endian), length of the subject (4), subject, length of
// the body (4), body. A link is the hash of the link before it (32 zero bytes
// for the first) and of the block. Blocks end at multiples of 10,000; the anchor
// of a sequence within a block takes the block as it is up to there.
type Anchor struct {
	// Partition is the log's; the field is left out for the first, as files have
	// it that were written before there were others.
	Partition int `json:"partition,omitempty"`
	// From is the sequence the chain begins with.
	From events.Seq `json:"from"`
	Seq  events.Seq `json:"seq"`
	Hash string     `json:"sha256"`
}

// maxAnchors bounds a file of anchors: enough for 10 billion events (L11).
const maxAnchors = 1_000_000

// maxPartition bounds the partition of an anchor, as positions do (L11).
const maxPartition = 65535

// ReadAnchors reads what WriteAnchors wrote: one anchor a line, ascending within
// each partition.
func ReadAnchors(r io.Reader) ([]Anchor, error) {
	var list []Anchor
	last := map[int]Anchor{}
	s := bufio.NewScanner(r)
	for s.Scan() {
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		var a Anchor
		d := json.NewDecoder(bytes.NewReader(s.Bytes()))
		d.DisallowUnknownFields()
		sum, err := []byte(nil), d.Decode(&a)
		if err == nil {
			sum, err = hex.DecodeString(a.Hash)
		}
		before, follows := last[a.Partition]
		switch {
		case err != nil || len(sum) != sha256.Size || a.From == 0 || a.Seq < a.From || a.Partition < 0 || a.Partition > maxPartition:
			return nil, fmt.Errorf("anchor %d: want {\"from\":1,\"seq\":10000,\"sha256\":\"...\"}", len(list)+1)
		case follows && (before.Seq >= a.Seq || before.From != a.From):
			return nil, fmt.Errorf("anchor %d: sequence %d does not follow the anchor before it", len(list)+1, a.Seq)
		case len(list) == maxAnchors:
			return nil, fmt.Errorf("there are more than %d anchors, the limit", maxAnchors)
		}
		list, last[a.Partition] = append(list, a), a
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("read anchors: %w", err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("the file holds no anchor")
	}
	return list, nil
}

// WriteAnchors writes anchors for ReadAnchors.
func WriteAnchors(w io.Writer, list []Anchor) error {
	enc := json.NewEncoder(w)
	for _, a := range list {
		if err := enc.Encode(a); err != nil {
			return err
		}
	}
	return nil
}

// chain hashes the log event by event.
type chain struct {
	partition int

	from  events.Seq
	link  [sha256.Size]byte
	block hash.Hash
	// begun is false before the first event of the chain, in a log whose begin
	// is past its age.
	begun bool
	after events.Seq
}

// newChain begins a chain with the first event of a log. Of a log whose begin is
// past its age only whole blocks are chained; with known anchors the chain goes
// on from the first that the log still reaches.
func newChain(partition int, first events.Seq, known []Anchor) *chain {
	c := &chain{partition: partition, from: first, block: sha256.New()}
	for _, a := range known {
		if first <= 1 || a.Seq < first-1 || a.Seq%AnchorEvery != 0 {
			continue
		}
		// ReadAnchors checked the form.
		link, _ := hex.DecodeString(a.Hash)
		copy(c.link[:], link)
		c.from, c.after = a.From, a.Seq
		return c
	}
	if first > 1 {
		c.after = (first + AnchorEvery - 2) / AnchorEvery * AnchorEvery
		c.from = c.after + 1
	}
	return c
}

// add takes the next event and reports whether it closed a block.
func (c *chain) add(m *events.Message) bool {
	if m.Seq <= c.after {
		return false
	}
	c.begun = true
	var head [12]byte
	binary.BigEndian.PutUint64(head[:8], uint64(m.Seq))
	binary.BigEndian.PutUint32(head[8:], uint32(len(m.Subject)))
	c.block.Write(head[:])
	c.block.Write([]byte(m.Subject))
	binary.BigEndian.PutUint32(head[8:], uint32(len(m.Data)))
	c.block.Write(head[8:])
	c.block.Write(m.Data)
	if m.Seq%AnchorEvery != 0 {
		return false
	}
	c.link = c.state()
	c.block.Reset()
	return true
}

// state is the link as of the newest event.
func (c *chain) state() [sha256.Size]byte {
	return sha256.Sum256(c.block.Sum(append([]byte(nil), c.link[:]...)))
}

// closed is the anchor of the block closed last, open that of the newest event
// within one.
func (c *chain) closed(seq events.Seq) Anchor { return c.anchor(seq, c.link) }

func (c *chain) open(seq events.Seq) Anchor { return c.anchor(seq, c.state()) }

func (c *chain) anchor(seq events.Seq, sum [sha256.Size]byte) Anchor {
	return Anchor{Partition: c.partition, From: c.from, Seq: seq, Hash: hex.EncodeToString(sum[:])}
}
