// Package dingtalktest is a double of DingTalk's older server API: tokens, and the
// recall and the sending of work notifications of one application. A userid is the
// screen of one device; a recall takes a whole task off every screen.
//
// It follows https://open.dingtalk.com/document/development/notification-of-work-withdrawal
// and the vendor's pages on asynchronous sending, on global error codes and on
// rate limits as quoted in public source (checked 2026-11-20): every failure has
// HTTP status 200, and one of the token stands in sub_code under errcode 88. It
// must never import the adapter.
package dingtalktest
