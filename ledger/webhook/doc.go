// Package webhook tells services of an app what becomes of its recalls: each
// transition is one signed call to every URL that asked for it.
//
// It promises:
//
//  1. Only what stands on the log, read by a durable consumer for each URL (L2).
//     At least once: a transition is delivered or dropped before its message is
//     ended, so a restart loses nothing. A repetition has the same webhook-id.
//  2. The order of a recall: requested, settled, completed; or requested and
//     aborted, with settled wherever it falls. Different recalls wait for nobody.
//  3. Nobody waits for a receiver: what it does not take stays on the log.
//  4. What is refused is tried again for Patience, after longer and longer waits,
//     and then dropped and counted (L12). A receiver that answers 410 wants no
//     more of it: the event is dropped at once.
//
// It must never follow a redirect, call a URL that is not in the configuration,
// read more of an answer than MaxAnswer, or log a URL, a secret, a body or an
// answer. Bodies hold ids, figures and the reasons that operators typed, and no
// text of a push.
//
// # What is sent
//
// The body is a CloudEvent 1.0 in its structured form (github.com/cloudevents/spec,
// v1.0.2, checked 2026-11-20), Content-Type application/cloudevents+json. Its source
// is /apps/ and the app, its subject the push, its id the webhook-id, its type one of
//
//	recall.requested  a recall was accepted: data.recall, action, scope, by, reason,
//	                  deadline, replacement (the id of the new push), position
//	recall.settled    every command has its outcome: data.recall, action, scope, state,
//	                  percent, total (the account: planned, late, each outcome)
//	recall.completed  the window is over: as settled, and position
//	recall.aborted    somebody stopped it: data.recall, action, scope, by, reason, position
//	recall.refused    a recall was not accepted: data.action, scope, by, code, first
//	                  (the recall in the way), position
//
// Where the recall was accepted in a trace, traceparent is that (CloudEvents,
// extensions/distributed-tracing.md), and the header traceparent that of the call, or
// the same where the node makes no spans.
//
// recall.settled is no event of the log. It is what the projection says, looked at
// from the acceptance on after each quarter of the recall's age, at least a second
// and at most a minute, so it comes late by that much. There is one for each recall:
// a device that comes late unsettles a recall, and is told by recall.completed.
//
// # How it is signed
//
// As Standard Webhooks has it (github.com/standard-webhooks/standard-webhooks,
// spec/standard-webhooks.md, checked 2026-11-20): webhook-id, webhook-timestamp in
// Unix seconds, and webhook-signature, "v1," and the base64 HMAC-SHA256 of
// "id.timestamp.body". The key is the receiver's secret; one that begins with whsec_
// is base64. Any library of Standard Webhooks verifies it. By hand, with the body as
// it came:
//
//	key=$(printf %s "${SECRET#whsec_}" | base64 -d | od -An -vtx1 | tr -d ' \n')
//	want=$(printf '%s.%s.%s' "$id" "$timestamp" "$body" |
//		openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)
//	[ "v1,$want" = "$signature" ]
//
// Compare in constant time, refuse a timestamp that is more than five minutes off,
// remember the ids of a day and pass over one that was there, answer 2xx within
// Timeout, and work afterwards.
//
// # What comes twice, and what does not come
//
// An event comes again when its receiver answered too late or with anything but
// 2xx, and when the node died between the answer and the end of the message.
// recall.requested also comes again after a restart for each recall that is not
// settled then, where the receiver wants recall.settled. Who kept an id passes it
// over.
//
// App and URL name the consumer: one whose secret or events change goes on where it
// was. A URL that is new is told what happened in the last Patience, and what is
// older when its message is first read is passed over. So is what happened while a
// node was down for longer than that.
//
// Of a receiver that is behind after the node died, the end of a recall may overtake
// its beginning, if that takes longer than rest to come back.
//
// Laws kept here: L1, L2, L10 (a receiver gets its own app's recalls), L11 (every
// limit has a name), L12.
package webhook
