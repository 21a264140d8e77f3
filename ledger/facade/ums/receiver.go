package ums

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/recall-ledger/recall-ledger/events"
)

// The labels of a push whose statuses somebody wants to hear. Beside the four
// that a send has anyway they stay below events.MaxLabels.
const (
	// LabelKey is the ChannelKey the push was sent with. Without it nobody is told.
	LabelKey = "channelkey"
	// LabelURL is the URLHash of the receiver that the message asked for; absent
	// means the default one.
	LabelURL = "callback"
	// labelParams and a number from 0 hold the message's callback.params, cut to
	// what a label holds.
	labelParams    = "callback_params"
	maxParamLabels = 8
	// MaxParams bounds callback.params, in bytes of JSON (L11). The vendor names
	// no limit. A label that ends inside of a character is cut before it, so
	// eight labels hold a little less than eight times events.MaxLabel.
	MaxParams = maxParamLabels * (events.MaxLabel - utf8.UTFMax + 1)
)

// URLHash names a receiver on the log, where its URL may be too long to stand and
// may hold a secret.
func URLHash(url string) string {
	sum := sha256.Sum256([]byte(url))
	return hex.EncodeToString(sum[:8])
}

// receiver keeps who is to hear of the message, if anybody is registered. It
// reports whether the message asked for a receiver that is not: then the default
// one hears of it, as with the vendor (docs.jiguang.cn/jums/advanced/callback,
// checked 2026-11-20).
func (s send) receiver(p *events.Created, key string, urls []string) (unregistered bool, bad *answer) {
	if len(urls) == 0 {
		return false, nil
	}
	label(p, LabelKey, key)
	if empty(s["callback"]) {
		return false, nil
	}
	var c struct {
		URL    *string         `json:"url"`
		Params json.RawMessage `json:"params"`
	}
	if json.Unmarshal(s["callback"], &c) != nil {
		return false, fail(codeInvalid, "callback is not an object with the text url and the object params")
	}
	if bad := keepParams(p, c.Params); bad != nil {
		return false, bad
	}
	switch {
	case c.URL == nil || *c.URL == "":
	case slices.Contains(urls, *c.URL):
		label(p, LabelURL, URLHash(*c.URL))
	default:
		return true, nil
	}
	return false, nil
}

// keepParams spreads callback.params over labels.
func keepParams(p *events.Created, raw json.RawMessage) *answer {
	if empty(raw) {
		return nil
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		return fail(codeInvalid, "callback.params is not an object")
	}
	var short bytes.Buffer
	if err := json.Compact(&short, raw); err != nil { // it was read just now
		panic(err)
	}
	// JSON lets through one control character, and Go what is not UTF-8; a label
	// neither.
	rest := strings.ReplaceAll(strings.ToValidUTF8(short.String(), "\uFFFD"), "\x7f", `\u007f`)
	if len(rest) > MaxParams {
		return fail(codeInvalid, fmt.Sprintf("callback.params is longer than %d bytes", MaxParams))
	}
	for i := 0; rest != ""; i++ {
		n := min(len(rest), events.MaxLabel)
		for n < len(rest) && !utf8.RuneStart(rest[n]) {
			n--
		}
		p.Labels[labelParams+strconv.Itoa(i)], rest = rest[:n], rest[n:]
	}
	return nil
}

// Params returns the callback.params that the labels of a push keep, nil when
// there are none.
func Params(labels map[string]string) json.RawMessage {
	var all strings.Builder
	for i := range maxParamLabels {
		all.WriteString(labels[labelParams+strconv.Itoa(i)])
	}
	// Labels can be written by others than this facade, and receivers expect an
	// object.
	text := all.String()
	if !strings.HasPrefix(text, "{") || !json.Valid([]byte(text)) {
		return nil
	}
	return json.RawMessage(text)
}
