// Package vivotest is a double of the vivo Push server API: authentication, the send
// to one device, the saved text and the push to a list, and the recall.
//
// It follows vivo's server API 2.9.2 as copied at
// https://www.yimenapp.com/kb-yimen/12123/ and http://www.qro.cn/post/302611.html,
// checked 2026-11-20. Unverified: the whole recall, which has the form of a push to a
// list; the numbers of the results for a bad sign, a bad token and a bad parameter,
// which are remembered; the list of invalid users and notifyId, which are from public
// source. It must never import the adapter.
package vivotest
