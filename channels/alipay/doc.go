// Package alipay takes back messages of an Alipay life account (生活号): a recall
// names the message_id that a send to all followers or to a group gave, and takes
// the message from every recipient.
//
// It promises that every request is signed with RSA2 (SHA-256 with RSA, over the
// parameters in the order of their names), and that with Alipay's public key
// configured no success is believed that Alipay did not sign.
//
// It must never stand for a recall of one recipient: Alipay knows only whole
// messages (L9), and only those of life accounts; template messages stay. A new
// message to single followers needs a template or a conversation with them, so
// there is no override, not even a forced one. Certificates in place of keys are
// not supported.
//
// Source: https://docs.open.alipay.com/api_6/alipay.open.public.life.msg.recall and
// the vendor's SDKs as found in public source; the vendor's page of common codes,
// https://opendocs.alipay.com/common/02km9f, as quoted in public source, and a
// mirror of an older issue of it (checked 2026-11-20). What no page says is in
// unverified.go.
package alipay
