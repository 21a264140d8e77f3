// Package harmony takes notifications back on HarmonyOS 5 and later: Push Kit
// revokes them, or shows another text under the same notifyId.
//
// It promises that a command with at most 1,000 tokens is one call, and that
// Huawei keeps an overwriting text for a device that is offline until the recall's
// window closes. "Accepted" means that Huawei took the command: the call reports
// nothing of single devices, and an id that no device shows is a success as well.
//
// One revoke call both stops what is undelivered and removes what is shown and
// unclicked; there is no call for only the first. So Withhold does more than a
// terminate asks for: it takes off the screen what was already delivered, of the
// named devices and the named slot, and of no others (L9). The badge of the app
// stays as it is.
//
// It must never send a notifyId of -1, which means "make one up", nor call a token
// dead because a whole call was rejected.
//
// Nothing is asked of the app: the system acts by itself.
//
// Sources (checked 2026-11-20), read in public mirrors:
// developer.huawei.com/consumer/cn/doc/harmonyos-references/push-msg-revoke,
// .../push-scenariozed-api-request-struct, .../push-scenariozed-api-request-param,
// .../push-scenariozed-api-response, and .../harmonyos-guides/push-jwt-token.
//
// Laws kept here: L8 (one result per device), L9 (nothing without a slot unless
// forced).
package harmony
