// Package jpushtest is a double of JPush: pushes to registration ids, cids that
// keep a repeated push from being sent twice, replacements and withdrawals.
//
// It follows https://docs.jiguang.cn/jpush/practice/message_override_revoke,
// https://docs.jiguang.cn/jpush/server/push/rest_api_v3_push and its page of
// advanced functions (checked 2026-11-20), codes and forms of answers included.
// The body of a withdrawal's success is not documented; here it is empty. It must
// never import the adapter.
package jpushtest
