// Package oppo takes notifications back through OPPO Push, which has no call for
// it: another text is sent under the same notify_id and takes the notification's
// place.
//
// A device is a registration id. It tells its region, and each region has its own
// address, so a command that names devices of both is two calls.
//
// It promises that a text waits for an offline device until the recall's deadline,
// as far as OPPO keeps it (ten days), so that it does not expire before the
// notification it replaces, and that a forced overwrite, which has no notify_id, is
// shown once however often it is repeated (by its app_message_id). It must never
// call a token dead for a code that can come from a wrong configuration: when every
// token of a call is rejected, none is.
//
// Source, checked 2026-11-20: OPPO's pages on authentication (id=11234), single
// sends and return codes as mirrored in public source;
// https://www.yimenapp.com/kb-yimen/11093 and 11080;
// https://pkg.go.dev/github.com/iswangwenbin/pushapi/oppopush. That equal ids replace
// is the vendor's field text; TPNS says otherwise (see the matrix). Unverified:
// whether notify_id 0 counts as none, and whether a repeated app_message_id answers
// code 32 or 0; two sends to a test device would show both.
package oppo
