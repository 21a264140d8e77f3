// Package wechattest is a double of the WeChat official account's server: access
// tokens, of which the latest is accepted, and mass messages that can be deleted.
// A screen shows the articles that a user can open; a deleted one is gone from it.
//
// It follows https://developers.weixin.qq.com/doc/service/api/notify/message/api_deletemassmsg
// and the page of getAccessToken (checked 2026-11-20), codes and forms of answers
// included. It must never import the adapter.
package wechattest
