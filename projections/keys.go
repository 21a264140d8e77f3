package projections

import "encoding/binary"

// The rows of the store. Numbers are big endian in keys, so that they sort.
//
//	M                                        position and counters of the projection
//	a <app>                                  app record: number, channels
//	d <app no> <channel> <page>              256 device tokens, by ordinal
//	h <app no> <channel> <hash of token>     a device's ordinal
//	i <period> <app no> <channel> <ordinal> <push no>
//	                                         a small push touches this device
//	j <period> <app no> <channel> <page> <push no>
//	                                         a large push touches this page
//	k <app no> <hash of key>                 idempotency key and its answer
//	n <period> <app no> <push id>            push record with all counters
//	o <period> <app no> <recall id>          a running recall -> push id
//	p <app no> <push no>                     push id, newest last
//	q <seq>                                  quarantined message
//	r <period> <app no> <recall id>          recall -> push id, newest last
//	s <push no> <layer> <channel> <page>     page of notification bytes
//	t <push no> <channel> <page> <send>      which devices a send of the vendor reached
//	u <app no> <user> 00 <channel> <ordinal> a device of the user
//
// Layer 0 holds facts, layer n the marks of the push's n-th recall. The period is
// that of the push, two bytes, and a push number begins with it: everything of a
// period's pushes is one range in each kind of row.
const (
	rowMeta       = 'M'
	rowApp        = 'a'
	rowTokens     = 'd'
	rowDevice     = 'h'
	rowSmall      = 'i'
	rowLarge      = 'j'
	rowKey        = 'k'
	rowPush       = 'n'
	rowOpen       = 'o'
	rowPushNumber = 'p'
	rowQuarantine = 'q'
	rowRecall     = 'r'
	rowPage       = 's'
	rowSend       = 't'
	rowUser       = 'u'
)

// periodRows are the rows with the period right after the first byte.
const periodRows = string(rowSmall) + string(rowLarge) + string(rowPush) + string(rowOpen) + string(rowRecall) +
	string(rowPage) + string(rowSend)

// schema is the version of all of the above; a store of another schema is
// rebuilt from the log.
const schema = 4

// key builds row keys; each method appends one part.
type key []byte

func newKey(row byte) key { return append(make(key, 0, 32), row) }

func (k key) u8(v uint8) key    { return append(k, v) }
func (k key) u16(v uint16) key  { return binary.BigEndian.AppendUint16(k, v) }
func (k key) u32(v uint32) key  { return binary.BigEndian.AppendUint32(k, v) }
func (k key) u64(v uint64) key  { return binary.BigEndian.AppendUint64(k, v) }
func (k key) text(v string) key { return append(k, v...) }

// end returns the first key after every key that starts with k.
func (k key) end() []byte {
	e := append([]byte(nil), k...)
	for i := len(e) - 1; i >= 0; i-- {
		if e[i]++; e[i] != 0 {
			return e[:i+1]
		}
	}
	return nil
}

func metaKey() key           { return newKey(rowMeta) }
func appKey(name string) key { return newKey(rowApp).text(name) }

func pushKey(period uint16, app uint32, id string) key {
	return newKey(rowPush).u16(period).u32(app).text(id)
}

func pushNumberKey(app uint32, no uint64) key { return newKey(rowPushNumber).u32(app).u64(no) }

func tokensKey(app uint32, ch uint8, page uint32) key {
	return newKey(rowTokens).u32(app).u8(ch).u32(page)
}

func deviceKey(app uint32, ch uint8, h tokenHash) key {
	return h.append(newKey(rowDevice).u32(app).u8(ch))
}

func smallKey(period uint16, app uint32, ch uint8, ord uint32) key {
	return newKey(rowSmall).u16(period).u32(app).u8(ch).u32(ord)
}

func largeKey(period uint16, app uint32, ch uint8, page uint32) key {
	return newKey(rowLarge).u16(period).u32(app).u8(ch).u32(page)
}

func claimKey(app uint32, k string) key {
	return hashToken(k).append(newKey(rowKey).u32(app))
}

func openKey(period uint16, app uint32, recall string) key {
	return newKey(rowOpen).u16(period).u32(app).text(recall)
}

func recallKey(period uint16, app uint32, recall string) key {
	return newKey(rowRecall).u16(period).u32(app).text(recall)
}

func quarantineKey(seq uint64) key { return newKey(rowQuarantine).u64(seq) }

func pageKey(push uint64, layer uint16, ch uint8, page uint32) key {
	return newKey(rowPage).u64(push).u16(layer).u8(ch).u32(page)
}

func sendKey(push uint64, ch uint8, page uint32, send string) key {
	return newKey(rowSend).u64(push).u8(ch).u32(page).text(send)
}

func userKey(app uint32, user string) key { return newKey(rowUser).u32(app).text(user).u8(0) }
