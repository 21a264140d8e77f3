// Package facade is what the four vendor facades share: credentials, recording
// a push so that its ids are known, asking for a recall, and the answers every
// facade translates.
//
// It promises that a facade decides nothing: every recall goes through the same
// decision as everybody's (L5), and the app comes from the credential (L10). An
// unknown key costs the same as a wrong signature, and looks the same except
// where the vendor has a code of its own for it that its clients read. How often
// a secret can be guessed is bounded (L11), and who proved a key from an address
// is not locked out by who guesses it from another one.
//
// Secrets are never logged. Of those that are only compared a SHA-256 is kept:
// UMS, TPNS with Basic alone, the token of TIMPush's callback. Those that compute
// an HMAC are needed themselves: mPaaS, TPNS, TIMPush. All of it is encrypted on
// disk, with a key in a file beside it; that protects a copy of one file, not a
// disk. What is in the node's configuration stands there as it is.
//
// It must never keep state but credentials, templates, nonces and what the Guard
// remembers, and a facade must never import another one.
package facade
