// Package harmonytest is a double of HarmonyOS Push Kit: messages:revoke (v1, by
// client id) and messages:send (v3, by project id), with the screens of devices.
//
// It follows the vendor's pages of both calls and of the signed token in public
// mirrors (checked 2026-11-20): the token's algorithm, key id, issuer, audience and
// life, the push-type header, required fields, limits and business codes. The page
// of the revoke call has no code for a single bad token or an unknown id: the
// double answers success then, and "all invalid" where no token is good. It must
// never import the adapter.
package harmonytest
