// Package mpaas is the mPaaS facade: the push part of Alibaba Cloud's API mPaaS,
// version 2020-10-28, so that its stock clients work by changing the endpoint.
//
// It promises to be exact on the wire: RPC signature v1 and ACS3-HMAC-SHA256,
// parameters in every placement its clients use, the gateway's errors, and the
// business answers that are always HTTP 200. The ledger's push id is the message
// id, or the task id that PushMultiple and PushBroadcast return; the unique id
// of a scheduled push is the same id.
//
// A request passes the signature first, then the time, then the nonce, so that
// strangers fill no memory. Nonces do not survive a restart: a request signed
// before the node started is refused as expired, because nobody remembers
// whether it was seen. What is left, a request from a clock that runs ahead,
// changes nothing when repeated: a recall is accepted once (L5) and the same
// push has the same id.
//
// Too many wrong signatures of an access key are answered with Throttling.User,
// too many requests under way with Throttling, both with Retry-After.
//
// Where the vendor documents no code of its own (unknown, window over, already
// recalled) the answer is 3028 INVALID_PARAM with the reason in ResultMsg.
//
// It must never decide: windows, scopes and repetitions are the ledger's. It
// must never keep state but nonces, and never log secrets, signatures, query
// strings or bodies.
//
// Laws kept here: L5 (one recall, asked of the ledger), L9 (a message is recalled
// by its own target, a task by its own id), L10 (app from the access key), L11
// (limits with names).
package mpaas
