// Package honortest is a double of Honor Push: the token endpoint and sendMessage,
// with the screens of devices.
//
// It follows Honor's guide at https://xie.infoq.cn/article/575b0e405029cfdd8652288fa
// (checked 2026-11-20) for the token, the path, the headers and the body, the
// vendor's field text in public source for notifyId and tag, and an answer quoted
// by a reseller. Codes, limits and the meaning of the lists in an answer are on no
// readable page: the double takes Huawei's. It must never import the adapter.
package honortest
