package webpush

import (
	"crypto/ecdh"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

// The lengths of a subscription's keys in bytes: a point, uncompressed, and a secret
// (RFC 8291, section 3).
const (
	p256dhBytes = 65
	authBytes   = 16
)

// subscription is a device of the channel.
type subscription struct {
	endpoint     *url.URL
	p256dh, auth string
}

// parse reads a device's text. Only the form of the package comment is one: the
// same subscription in two forms would be two devices.
func parse(device string) (subscription, bool) {
	address, keys, _ := strings.Cut(device, "#")
	p256dh, auth, _ := strings.Cut(keys, ".")
	public, ok := decode(p256dh, p256dhBytes)
	if !ok {
		return subscription{}, false
	}
	if _, err := ecdh.P256().NewPublicKey(public); err != nil {
		return subscription{}, false
	}
	if _, ok = decode(auth, authBytes); !ok {
		return subscription{}, false
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Opaque != "" {
		return subscription{}, false
	}
	return subscription{endpoint: u, p256dh: p256dh, auth: auth}, true
}

// decode reads a key. The length of the text counts as well, since the decoder
// overlooks line breaks.
func decode(text string, size int) ([]byte, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return b, err == nil && len(b) == size && len(text) == base64.RawURLEncoding.EncodedLen(size)
}

// origin names the push service as VAPID wants it. Its port is the usual one.
func (s subscription) origin() string { return "https://" + strings.ToLower(s.endpoint.Hostname()) }

// among reports whether the push service is one of the hosts, at its usual port.
func (s subscription) among(hosts []string) bool {
	if p := s.endpoint.Port(); p != "" && p != "443" {
		return false
	}
	name := strings.ToLower(s.endpoint.Hostname())
	return slices.ContainsFunc(hosts, func(h string) bool {
		if strings.HasPrefix(h, ".") {
			return strings.HasSuffix(name, h) && name != h
		}
		return name == h
	})
}
