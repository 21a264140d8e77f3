// Package xiaomi takes notifications back through Xiaomi MiPush: it revokes them
// by target and notify_id with the V3 calls, or sends another text under the same
// notify_id.
//
// A device is a regid, or "alias:" or "account:" followed by an alias or a user
// account, since a push to one of those can be revoked by the same name only. A
// regid is base64 and holds no colon.
//
// It promises never to call the revoke of V1 or V2, which ends on 2026-12-01, and
// never to name more targets than the command does: a target that holds a comma,
// which would be read as two, is refused (L9). It must not stop whole sends unless
// the configuration allows it, because no row of the matrix lets a command name one
// here.
//
// A forced overwrite is sent without a notify_id. MiPush then shows one such
// notification of the app at a time, so an old one that had no notify_id either is
// replaced and not joined.
//
// Source: https://dev.mi.com/xiaomihyperos/documentation/detail?pId=1559 (sends,
// authentication), pId=1560 (codes, of 2024-10-18), pId=2367 (V3 revoke, of
// 2026-10-22), all checked 2026-11-20. What those pages do not give is in
// unverified.go.
package xiaomi
