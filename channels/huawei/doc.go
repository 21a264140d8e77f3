// Package huawei takes notifications back through Huawei Push Kit on Android (HMS
// Core): it sends another text under the slot of the old one.
//
// It promises that a slot which is a number from 0 to 2147483647 is a notify_id
// and any other slot a tag, since a push carries only one slot: the push must have
// been sent that way, or the new text is shown beside the old one. It promises
// that Huawei keeps the new text for a device that is offline until the recall's
// window closes, for the old one may wait there as well.
//
// It serves two stored names: devices on EMUI 10 and later, and below, where
// Huawei does not replace notifications, so that only a forced override is sent.
// It must never call a token dead because a whole call was rejected: a wrong
// app id does that as well.
//
// Nothing is asked of the app: Huawei's system replaces the notification itself.
//
// Sources (checked 2026-11-20): the vendor's page of the send call,
// developer.huawei.com/consumer/cn/doc/HMSCore-References/https-send-api-0000001050986197,
// read in a public mirror; https://cnblogs.com/HarmonyOSSDK/p/16163925.html, the
// vendor's answers about notify_id; https://docs.jiguang.cn/jpush/practice/override_del
// for EMUI 10. No revoke call for Android was found.
//
// Laws kept here: L8 (one result per device), L9 (nothing without a slot unless
// forced).
package huawei
