// Package fcmtest is a double of Firebase Cloud Messaging and of Google's access
// tokens, with devices that draw notification messages themselves and whose app
// obeys data messages as package fcm documents.
//
// It follows Google's page on service accounts, the doc comments of
// google.golang.org/api/fcm/v1 and FCM's page on error codes, as far as public
// source quotes them (checked 2026-11-20). It must never import the adapter.
package fcmtest
