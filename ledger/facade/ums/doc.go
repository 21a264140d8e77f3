// Package ums answers clients of JPush UMS v1, Jiguang's unified messaging: it
// takes messages back by msgid, records sends so that their msgids are known,
// and takes in the status callbacks.
//
// It promises the vendor's own form on the wire: Basic authentication with
// ChannelKey and MasterSecret, HTTP 200 for success only, and a JSON object with
// code and message on every other answer too, since clients parse it whatever
// the status is. It takes paths with unescaped colons, and "null" as a body.
//
// A send through a ChannelKey that has receivers keeps in labels who is to hear of
// the message and with which params; package callback tells them.
//
// It must never decide anything: window, repetition and what a channel can do
// are the ledger's (L5). The app comes from the credential alone (L10), and a
// retract takes back what its path names or nothing (L9).
//
// What the vendor's pages do not say, and what is done here:
//   - The codes for an unknown msgid, one older than 24 hours and another
//     channel's are not known. They all get 4004, parameter invalid, with the
//     same text for an unknown msgid and another app's.
//   - Too many failed authentications of a key, and too many requests under way,
//     are answered with 1015030, the code for the vendor's own limits.
//   - What a retract says in its body is not known; clients send null. An empty
//     body, null and {} pass. Anything else is refused: it would be a condition
//     that nobody reads (L9).
//   - A callback's 7 and 8, what came of a retract, belong to the retract the
//     vendor carried out itself. They are logged and otherwise ignored.
//   - A sender without a channel here is logged and passed over. An app's push is
//     of channel jpush whatever app_sender says: a retract takes it back there.
//   - How long callback.params may be: see MaxParams. A longer one is refused, but
//     only where somebody is registered to get it.
package ums
