// Package apnstest is a double of Apple's push service: HTTP/2, provider tokens,
// and devices whose app obeys the background push that package apns documents.
//
// It follows Apple's pages on sending requests, on their answers and on
// token-based connections, as far as public source quotes them (checked
// 2026-11-20). The length of a payload, 4096 bytes, is unverified. It must never
// import the adapter.
package apnstest
