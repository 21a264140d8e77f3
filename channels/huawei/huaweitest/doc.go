// Package huaweitest is a double of Huawei Push Kit for Android: the token
// endpoint and messages:send, with the screens of devices on EMUI 10 and later,
// and below.
//
// It follows the vendor's page of the send call in a public mirror (checked
// 2026-11-20): required fields, limits, business codes and the list of illegal
// tokens. The page does not say with which HTTP status a business code comes: the
// double answers 400 where a request is wrong, 401 where its token is, and 200
// else. It must never import the adapter.
package huaweitest
