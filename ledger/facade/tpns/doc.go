// Package tpns lets clients of Tencent Push Notification Service, REST API v3,
// talk to the ledger by changing only their endpoint: they record a push and get
// its push_id, terminate it, recall it, override it by its collapse_id, cancel
// it before it starts, and ask for its record, its statistics and the pushes that
// went to a token.
//
// It promises:
//
//  1. Every answer is HTTP 200 with the vendor's code, also for failures of our
//     own: no known client reads anything else. push/app answers ret_code and
//     err_msg, statistics answer retCode and errMsg, as their pages say; what is
//     documented nowhere answers both.
//  2. Signatures are checked over the body as it came, before it is parsed, and
//     an unknown key costs and answers what a wrong signature does; so does the
//     way to authenticate that a key's credential switches off. Too many failures
//     are answered with 1008028, as is everything that comes too fast. A signed
//     request that changes something works once: it is refused outside of its
//     five minutes, when it was seen before, and when it was made before the
//     node started.
//  3. A push is found by its collapse_id without any memory: the id is the low
//     half of the push_id, the high half says when it was made (number.go).
//  4. An override goes to the audience of the push it replaces. One that names
//     another audience or platform is refused, since it would reach devices that
//     were not asked for (L9).
//
// It must never decide a recall: the window, the first recall (L5) and the
// audiences are the ledger's. What stands here are the rules that need the
// vendor's own words, which the push keeps as labels: audience_type tells an
// account list from a token list, platform tells iOS from Android.
//
// It must never log a secret, a signature, a token or a body, and must never act
// for another app than the credential's (L10).
package tpns
