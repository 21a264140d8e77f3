// Package apns takes notifications back on Apple devices. Apple has no call for
// it: an overwrite is an alert under the same apns-collapse-id, which is the slot,
// and a removal is a silent background push that the app obeys.
//
// What the app must do: on a background push whose payload has the key "recall",
//
//	{"aps":{"content-available":1},"recall":"<slot>","push":"<push id>"}
//
// it calls UNUserNotificationCenter.removeDeliveredNotifications with the slot as
// the identifier, for the identifier of a remote notification is its collapse id.
// Alerts name in "push" the push they take the place of and, where they are a push
// of their own, that one in "replacement", so that the app reports a click on them
// as one of the replacement.
//
// It promises that nothing but Apple's own codes calls a token dead (code.go),
// and never more than one provider token in 20 minutes. Accepted means that Apple
// took the push: it says neither that it was shown nor that the app obeyed.
//
// It must never send a background push at a priority other than 5, which Apple
// refuses, and never use the timestamp beside a dead token: only who keeps the
// tokens knows whether the device registered again after it.
//
// Laws kept here: L8 (one result for each device), L9 (without a slot nothing is
// touched, unless the command forces a new notification beside the old one).
//
// The HTTP client must speak HTTP/2, as Go's own does over TLS.
//
// Sources (checked 2026-11-20):
// https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
// for the codes, as copied by github.com/sideshow/apns2;
// https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns
// for provider tokens; https://docs.jiguang.cn/jpush/practice/override_del for the
// overwrite; the public source of Bark and bark-server for the removal, which is
// unverified: a device with a test build of the app would verify it.
package apns
