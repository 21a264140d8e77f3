// Package facade is what the four vendor facades share: credentials, recording
// a push so that its ids are known, asking for a recall, and the answers every
// facade translates.
//
// It promises that a facade decides nothing: every recall goes through the same
// decision as everybody's (L5), and the app comes from the credential (L10).
// Secrets that compute signatures are encrypted on disk and never logged. An
// unknown key costs the same as a wrong signature, and looks the same except
// where the vendor has a code of its own for it that its clients read.
//
// It must never keep state but credentials and nonces, and a facade must never
// import another one.
package facade
