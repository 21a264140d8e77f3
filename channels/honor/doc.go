// Package honor takes notifications back through Honor Push: it sends another text
// under the slot of the old one.
//
// It promises that a slot which is a number from 0 to 2147483647 is a notifyId and
// any other slot a tag, since a push carries only one slot: the push must have been
// sent that way, or the new text is shown beside the old one. It promises that
// Honor is asked to keep the new text for a device that is offline until the
// recall's window closes, for the old one may wait there as well.
//
// It must never call a token dead where no token of the call was good: a wrong app
// id may make all of them look so.
//
// Nothing is asked of the app: the system replaces the notification itself.
//
// Sources (checked 2026-11-20): https://xie.infoq.cn/article/575b0e405029cfdd8652288fa,
// Honor's own guide, for the token, the path, the headers and the body's form; the
// vendor's field text in public source for notifyId and tag; an answer quoted in a
// reseller's documentation for the answer's form. What stands in unverified.go no
// readable page says. No recall call was found.
//
// Laws kept here: L8 (one result per device), L9 (nothing without a slot unless
// forced).
package honor
