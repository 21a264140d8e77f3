// Package fcm takes notifications back through Firebase Cloud Messaging. FCM has
// no call for it, so this package sends messages, in the two forms that are
// channels of their own:
//
//   - "fcm", notification messages, which Android draws: another one with the same
//     android.notification.tag, which is the slot, takes the old one's place. To an
//     iOS app or a web app behind FCM the slot goes as apns-collapse-id and as the
//     web notification's tag. Nothing removes. While the app is in the foreground
//     Android hands it the message, and the app shows it under its tag.
//   - "fcm-data", data messages, which the app draws, and so takes back itself.
//
// What the app must do with a data message, whose values are all text:
//
//	{"recall":"<slot>","push":"<push id>"}                          take the notification off
//	{"recall":"<slot>","push":"<push id>","title":"","body":""}     show this in its place
//	{"push":"<push id>","replacement":"<push id>","title":"",...}   show this as a new one
//
// It shows a notification under its slot (the tag given to NotificationManager), so
// that it can find it again. It must do nothing about a slot whose notification was
// clicked or cleared (L7). "replacement" is there where the text is a push of its own, and
// a click on it is one of that push; a key without a value is left out.
//
// It promises that only FCM's own UNREGISTERED calls a token dead, and that a
// message waits for an offline device as long as FCM allows, four weeks, since FCM
// would deliver the old notification that late as well. Accepted means that FCM took
// the message: it says neither that it was shown nor that the app obeyed.
//
// It must never set android.collapse_key: an app may use four of them at once on a
// device, and they are throttled.
//
// Laws kept here: L8 (one result for each device), L9 (without a slot nothing is
// touched, unless the command forces a new notification beside the old one).
//
// Sources (checked 2026-11-20): the doc comments of google.golang.org/api/fcm/v1
// and the codes of firebase.google.com/go/v4; error codes at
// https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode; throttling at
// https://firebase.google.com/docs/cloud-messaging/throttling-and-quotas; access
// tokens at https://developers.google.com/identity/protocols/oauth2/service-account.
// Unverified is the app's half of "fcm-data" and how Android files the notification
// (tag and number 0); a test device would verify both.
package fcm
