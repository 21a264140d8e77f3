package events

import "time"

// Claim is a record that claims a key for whoever the fingerprint names, on top of the
// claim at expect, 0 for none: of two that claim it at once one loses (ErrConflict).
func Claim(partition int, app, push, key, fingerprint string, now time.Time, expect Seq) (Record, error) {
	e := &Event{
		Header: Header{Kind: KeyClaimed, App: app, Push: push, Time: now},
		Data:   &Key{Key: key, Fingerprint: fingerprint},
	}
	if err := Check(e); err != nil {
		return Record{}, err
	}
	data, err := Encode(e)
	if err != nil {
		return Record{}, err
	}
	return Record{Subject: KeySubject(partition, app, key), Data: data, Fenced: true, Expect: expect}, nil
}
