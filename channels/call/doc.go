// Package call is what the adapters of vendors share: which commands there is a
// call for (command.go), the settings of an adapter (setting.go), one bounded HTTP
// call (client.go) and what its answers mean (result.go), one call for each device
// or each send of a command (each.go), and access tokens that are minted once, kept,
// and replaced once when a vendor rejects them (mint.go, token.go).
//
// It promises that an answer is never read beyond its limit, that a request which
// cannot have reached the vendor is told apart from one that may have (only the
// first is certain to have done nothing), and that no error or reason it gives
// holds a URL, a token, a secret or a body.
//
// It must never know a vendor, retry by itself (retries are events, made by
// ledger/dispatch; a call with a rejected access token did nothing, and only that
// is made again) or read a clock that was not given to it.
//
// Laws kept here: L8 (one result for each device), L9 (a command that names nothing
// touches nothing), L11 (answers and lives of tokens are bounded).
package call
