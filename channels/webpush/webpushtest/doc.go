// Package webpushtest is a double of a push service together with its browsers: it
// checks VAPID, decrypts what it gets with each browser's own keys, and shows it as
// the service worker that package webpush documents does.
//
// It follows RFC 8030, RFC 8188, RFC 8291 and RFC 8292, and the error numbers of
// autopush (checked 2026-11-20), without the library the adapter encrypts with. It
// must never import the adapter.
package webpushtest
