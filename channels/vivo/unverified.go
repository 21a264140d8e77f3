package vivo

import "cmp"

// Unverified is what no readable page of vivo gives. The recall follows the nearest
// call that is documented, the push to a list: JSON with appId, regIds and
// requestId, and an answer with result and invalidUsers. Vivo's current server
// document (needs a login), or one recall of a test device seen on its screen, would
// verify it; until then a configuration can override each.
type Unverified struct {
	// RecallPath is the path of the recall. Invented.
	RecallPath string `koanf:"recall_path"`
	// RegIDs and RecallID name the list of devices and the id of the notification
	// in a recall.
	RegIDs   string `koanf:"reg_ids"`
	RecallID string `koanf:"recall_id"`
	// NotifyID names the id of the notification in a send (public source).
	NotifyID string `koanf:"notify_id"`
	// PerCall is how many devices one recall takes; a push to a list takes 1,000.
	PerCall int `koanf:"per_call"`
	// BadTokenCode is the result for an authToken that does not hold (any more).
	// Remembered.
	BadTokenCode int `koanf:"bad_token_code"`
}

func (u Unverified) withDefaults() Unverified {
	return Unverified{
		RecallPath:   cmp.Or(u.RecallPath, "/message/recall"),
		RegIDs:       cmp.Or(u.RegIDs, "regIds"),
		RecallID:     cmp.Or(u.RecallID, "notifyId"),
		NotifyID:     cmp.Or(u.NotifyID, "notifyId"),
		PerCall:      cmp.Or(u.PerCall, maxList),
		BadTokenCode: cmp.Or(u.BadTokenCode, 10000),
	}
}
