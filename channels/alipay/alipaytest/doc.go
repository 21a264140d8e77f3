// Package alipaytest is a double of Alipay's gateway with the one method that
// recalls messages of a life account. A recall takes a whole message off every
// screen.
//
// It follows https://docs.open.alipay.com/api_6/alipay.open.public.life.msg.recall,
// the vendor's SDKs as found in public source, and its page of common codes,
// https://opendocs.alipay.com/common/02km9f, as quoted in public source (checked
// 2026-11-20): every answer has HTTP status 200 and the type text/html, and the
// gateway does not sign its own failures. It must never import the adapter.
package alipaytest
