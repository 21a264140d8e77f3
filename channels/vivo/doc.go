// Package vivo takes notifications back through vivo Push: it recalls them by
// registration id and notifyId, which removes them, and where asked to shows a new
// notification beside an old one.
//
// Try the recall in vivo's sandbox before relying on it: three resellers say that
// vivo removes notifications, but the call itself stands in a document that needs a
// login, so its path and names are settings (unverified.go). An address that vivo
// does not know is not the end of a command: it is tried again until the window
// closes, so that a corrected setting still helps.
//
// Replacing a notification is off unless configured, because the resellers
// contradict each other; what is shown beside the old one is not.
//
// It promises to stay away until the next day in China when vivo says that the
// day's quota is used up, since vivo cuts the quota of who keeps calling, and that a
// text waits for an offline device until the recall's deadline, as far as vivo keeps
// it (seven days). It must never call a token dead when every token of a call is
// rejected, for a wrong configuration does that as well.
//
// Source, checked 2026-11-20: vivo's server API 2.9.2 as copied at
// https://www.yimenapp.com/kb-yimen/12123/ and http://www.qro.cn/post/302611.html;
// https://dev.vivo.com.cn/documentCenter/doc/896 as quoted in public source
// (authentication); public source where code.go and unverified.go say so.
package vivo
