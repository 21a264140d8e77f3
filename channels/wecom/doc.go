// Package wecom takes back messages of a WeCom application: a recall names the
// msgid that message/send gave, and takes the message from every recipient of
// that send. A forced override is a new text message, to the users of the command.
//
// It promises that a rejected access token is replaced once before a call is
// given up, and that only WeCom's own codes decide what came of a call.
//
// It must never stand for a recall of one recipient: WeCom knows only whole sends
// (L9), takes back only what was sent in the last 24 hours, and leaves the copy in
// the WeChat plug-in. Messages of appchat/send have no msgid and stay. A template
// card can be changed only by the response_code of its send, which the ledger does
// not know, so there is no overwrite in place.
//
// Source: https://developer.work.weixin.qq.com/document/path/94867 (recall), 90236
// (send) and 90000/90139/90313 (codes), all as quoted in public source (checked
// 2026-11-20). What no page says is in unverified.go.
package wecom
