// Package webpush takes notifications back in browsers. Web Push has no call for it:
// a message under the same Topic displaces one that is not delivered yet, and the
// site's service worker shows the new text under the same tag, in place of what is
// shown. Topic and tag are the slot. Nothing removes: a push that shows nothing
// costs the subscription in some browsers (unverified; a test in each would tell).
//
// A device of this channel is a subscription, written as one address:
//
//	<endpoint>#<p256dh>.<auth>
//
// with the two keys as PushSubscription.toJSON() gives them, base64url without
// padding; the part after # is never sent anywhere. That is 111 bytes beside
// the endpoint, which may therefore have 401 bytes, the first 8 being "https://". A
// subscription whose endpoint is longer cannot be a device of the ledger.
//
// What the service worker must do with a push, whose text is JSON:
//
//	{"tag":"<slot>","title":"","body":"","push":"<push id>","replacement":"<push id>"}
//
// It calls showNotification(title, {tag, body}), without renotify, so that the
// browser replaces the notification of that tag in silence, and closes nothing. The
// pushes it is to take back were shown so as well. Without "tag" it shows a new
// notification beside the others. "push" is the one that is taken back; "replacement"
// is there where the text is a push of its own, and a click is one of that push. A key
// without a value is left out.
//
// It promises that a device's text cannot lead a call elsewhere than to the push
// services of the setting hosts, by https and without redirects, unless base_url
// sends every call to one place. Accepted means that the push service took the
// message. It must never send a message without a TTL or a Topic that is no word.
//
// Laws kept here: L8 (one result for each subscription), L9 (nothing but the slot of
// the named subscriptions is touched), L11 (the tokens kept are bounded).
//
// Encryption (RFC 8291) is webpush-go's. Its VAPID header (RFC 8292) is replaced:
// it reads the machine's clock, ignores the expiration it is given and signs for
// every message, where one signature serves a push service for hours.
//
// Sources (checked 2026-11-20): https://www.rfc-editor.org/rfc/rfc8030,
// https://www.rfc-editor.org/rfc/rfc8291, https://www.rfc-editor.org/rfc/rfc8292;
// https://github.com/mozilla-services/autopush-rs, docs/src/errors.md and http.md.
package webpush
