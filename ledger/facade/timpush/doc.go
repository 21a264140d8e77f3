// Package timpush answers clients of TIMPush v4, the push service of Tencent's
// IM: it takes pushes back by TaskId, records pushes so that their TaskIds are
// known, and takes in the callback Push.AllMemberPush.
//
// It promises the vendor's own form on the wire: HTTP 200 for every answer of
// the API, ActionStatus, ErrorInfo and ErrorCode in it, a UserSig checked as
// TLSSigAPIv2 makes it, and a field that is null taken as absent.
//
// It must never decide anything: window, rate, repetition and a missing
// replacement are the ledger's, in its order (L5). The app comes from the
// SDKAppID whose key made the UserSig (L10), never from a body.
//
// Two contradictions of the vendor's pages are settled here, and only here, by
// the text of the page "Recalling Push" (tencentcloud.com/document/product/1047/60571,
// trtc.io/document/67824, checked 2026-11-20):
//   - OfflinePushInfo is optional on a recall, though a page of 2025-12-24 calls
//     it required. Without it, or with PushFlag 1 in it, what is shown stays and
//     only what is undelivered is stopped (action terminate); with it, what is
//     shown is overwritten (action recall).
//   - OnlineOnlyFlag 0 means "not saved", though the push page says that 0 stores
//     and 1 does not. So a push sent with OnlineOnlyFlag 0 needs OfflinePushInfo
//     on its recall, and gets 90053 without; the ledger refuses it as an override
//     without a replacement, after window, rate and repetition. A push that did
//     not name the flag needs none.
//
// What the pages do not say, and what is done here:
//   - After a recall that only terminated, one that overwrites is stronger and
//     may still be accepted; everything else is a repetition, 90050.
//   - A recall shows one text: Title and Desc are joined.
//   - An unknown SDKAppID is answered like a wrong signature, 70009, so that
//     nobody learns which exist. 60006 is for what can be no SDKAppID.
//   - A UserSig is valid for at most Config.MaxLife after it was made, however
//     long it says; 180 days unless configured, since clients ask for that by
//     default. One made in the future is no valid one.
//   - random and contenttype protect nothing and are not looked at.
//   - A push repeated with the same MsgRandom and body within the same second
//     of the clock gets the same TaskId, and is one push.
//   - The vendor signs no callback. So the address entered there must carry a query
//     parameter token, the callback token of the SDKAppID's credential; every
//     callback without it is refused. The vendor adds SdkAppid and the rest.
//   - Too many failed verifications of an SDKAppID are answered with 70050, and a
//     callback with 503, until there is room again. With too many requests under
//     way the answer is 91000, which asks for a repetition; no page says which
//     code the vendor itself uses then.
//   - A callback that was refused is answered with HTTP 200 and ErrorCode 1 as
//     documented. One that could not be stored is answered with 503, since only
//     the status asks any sender to come again; facts count once.
//   - An online push (EventType 2) is on no vendor's channel: it went to the
//     running app, here the self-built channel.
package timpush
