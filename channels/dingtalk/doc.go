// Package dingtalk takes back DingTalk work notifications: a recall names the
// task_id that the send gave, and takes the message from every recipient of that
// task. A forced override is a new work notification, to the users of the command.
//
// It promises that a rejected access token is replaced once before a call is
// given up, and that the reason of a failure is read where DingTalk puts it: in
// sub_code where errcode is 88.
//
// It must never stand for a recall of one recipient: DingTalk knows only whole
// tasks (L9), and takes back only what was sent in the last 24 hours. The status
// bar of an OA message can be changed, its text cannot, so there is no overwrite
// in place.
//
// Source: https://open.dingtalk.com/document/development/notification-of-work-withdrawal
// (updated 2026-07-14), and the vendor's pages on asynchronous sending, on global
// error codes and on rate limits as quoted in public source (checked 2026-11-20).
// What no page says is in unverified.go.
package dingtalk
