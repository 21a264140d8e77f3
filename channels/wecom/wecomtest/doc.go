// Package wecomtest is a double of WeCom's server API: tokens, message/recall and
// message/send of texts. A userid is the screen of one device; a recall takes a
// whole send off every screen.
//
// It follows the pages 91039 (token), 94867 (recall), 90236 (send) and
// 90000/90139/90313 (codes) of developer.work.weixin.qq.com as quoted in public
// source (checked 2026-11-20). It must never import the adapter.
package wecomtest
