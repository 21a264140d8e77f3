// Package console is what operators open in a browser: pages to find a push, see
// who holds it, preview and order its recall, follow it to 100 %, and show the
// receipt of any device.
//
// It promises that a page shows texts of pushes as text only and loads nothing
// from elsewhere, that what a caller sees and does goes through the native API
// under the caller's own credential (L10), and that a recall is ordered only
// under figures that were shown: if they have changed beyond a tolerance since, it
// is refused and answers the new ones.
//
// It must never read the log or a projection itself, never decide anything the
// API decides, never let another site act in the operator's name, and never write
// a credential, a session or a text of a push to a log.
package console
