// Package wechat takes mass messages of a WeChat official account back. The stored
// channel is "wechat-oa"; mini-programs have no call for it.
//
// It promises one call for each send: a message is deleted for all its recipients,
// read or not (L9). Only articles and videos can be deleted: the card stays in the
// chat and opens to "deleted". Two sends of the same article are deleted by
// deleting one of them, since they share its page.
//
// It must never keep an access token after WeChat refused it, nor put one into a
// reason or an error. WeChat lets one access token of /cgi-bin/token live at a
// time: minting one ends the one that other programs of the account use. Where
// there are any, token_url must name the server that mints for all of them and
// answers in the same form.
//
// Source: https://developers.weixin.qq.com/doc/service/api/notify/message/api_deletemassmsg
// and the page of getAccessToken beside it (checked 2026-11-20).
package wechat
