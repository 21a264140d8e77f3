// Package callback takes in what vendors report of notifications: receipts of
// arrival, clicks and failures, at POST /callbacks/{channel}/{id}, and writes it
// to the log as facts.
//
// It promises that the app is the account's at that address, never the body's
// (L10); that an address that is not configured and a proof that does not hold
// get the same answer at the same cost; that 200 means that the facts are durable
// (L1), and anything else that repeating the call is harmless (L4); that bodies,
// items and guesses are bounded (L11); that what states no fact is counted and
// told, in the log and where the answer is our own form (L12). It must never
// decide anything, and never write tokens, secrets or a vendor's text to its log.
//
// The id is that of the account in the configuration. With one account on a
// channel it may be left out of the address.
//
// # The generic form
//
// Every channel of the matrix takes facts signed as Standard Webhooks has it
// (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md,
// checked 2026-11-20): webhook-id, webhook-timestamp in Unix seconds at most
// MaxSkew off, and webhook-signature "v1," and the base64 HMAC-SHA256 of
// "id.timestamp.body". The key is the account's secret; one that begins with
// whsec_ is base64. The body is NDJSON or a JSON array of
//
//	{"kind", "push", "devices", "time", "reason", "users", "send"}
//
// with the fields and limits of events/FORMAT.md; a kind is one of the facts, and
// a time that is left out is now. It is strict: one bad element, or a field that
// no fact has, refuses the whole call. One element is one event, so name many
// devices in it.
//
//	body='{"kind":"click.clicked","push":"order-4711","devices":["device-a"]}'
//	id=$(openssl rand -hex 16) now=$(date +%s)
//	signature=$(printf '%s.%s.%s' "$id" "$now" "$body" | openssl dgst -sha256 -hmac "$SECRET" -binary | base64)
//	curl https://ledger.example/callbacks/apns -d "$body" -H 'Content-Type: application/x-ndjson' \
//		-H "webhook-id: $id" -H "webhook-timestamp: $now" -H "webhook-signature: v1,$signature"
//
// # The vendors' own forms
//
// Forms lists them with their sources and with what is not verified. A request
// without webhook-signature is read as the channel's own form. The sender must put
// the push id where the vendor gives it back: at most 50 letters, digits and
// "-_.~" pass through all of them. The device is the vendor's token for it.
//
//	channel                          push id in                     proof
//	huawei, huawei-emui9, harmony    bi_tag, biTag                  X-HUAWEI-CALLBACK-ID
//	honor                            biTag                          ?token=
//	xiaomi                           extra.callback.param           ?token=
//	oppo                             call_back_parameter            ?token=
//	vivo                             extra "callback.param"         ?token=
//	fcm, fcm-data                    fcm_options.analytics_label    the signature above
//	jpush and all others             the generic form only          the signature above
//
// A token stands in the address that is given to the vendor, since no signature
// of that vendor is known: /callbacks/oppo?token=SECRET. Send it over TLS only.
// Huawei's console tries an address with an unsigned call: one that holds no status
// gets the vendor's 200 at every address of its channels, and stores nothing.
//
// A vendor may repeat what is not answered with 200, so in its own form an item that
// states no fact (no push id, a type that no source names) is passed over and the
// others are stored; only a body that is not of the form at all is refused. A
// status code that no source names is push.failed with that code as reason; a
// device that reports later wins over that. The devices of one push, kind, reason
// and second make one event.
//
// FCM calls nobody: whoever reads its BigQuery export posts the rows as NDJSON
// with the signature above, beside facts if need be. A column push wins over
// analytics_label, and token over instance_id: join them in where labels do not
// do (FCM reports 100 different ones a day) or devices go by their token.
package callback
