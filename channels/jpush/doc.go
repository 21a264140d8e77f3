// Package jpush takes notifications back at JPush: it withdraws whole sends by
// their msg_id, or replaces them by a push that names the old one.
//
// It promises that a withdrawal names a send and a replacement names the command's
// registration ids (L9), and that a repeated replacement carries the cid of the
// first, so that JPush sends it once. Cids come from JPush and are kept in memory
// for the day they live: after a restart a replacement whose result was unknown is
// sent again.
//
// It must never claim more than JPush says. JPush answers for a call, not for its
// devices: accepted means that the call was taken. Withdrawing removes what is
// shown too, so withhold and remove are the same call.
//
// A replacement reaches Android only, unless apns_collapse says that the app's
// pushes carry options.apns_collapse_id = their slot. Who got several sends of one
// push is not known here, so a replacement is made for each of them, and a device
// that lacks one shows the new text once more.
//
// Source: https://docs.jiguang.cn/jpush/practice/message_override_revoke (2026-07-28),
// https://docs.jiguang.cn/jpush/server/push/rest_api_v3_push (2025-10-14) and
// https://docs.jiguang.cn/jpush/server/push/rest_api_v3_push_advanced (2022-08-09),
// all checked 2026-11-20.
package jpush
