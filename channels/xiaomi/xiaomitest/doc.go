// Package xiaomitest is a double of the Xiaomi MiPush server API. An alias or a
// user account has a screen under "alias:" or "account:" and its name.
//
// It follows https://dev.mi.com/xiaomihyperos/documentation/detail?pId=1559 (sends,
// authentication, limits of texts), pId=1560 (codes) and pId=2367 (V3 revoke; the
// calls of V1 and V2 are gone, as from 2026-12-01), checked 2026-11-20. Unverified,
// since no readable page has them: the parameters of a revoke and of the stop call,
// which are those of Xiaomi's Java SDK, the list of rejected targets beside a
// success, and the 1,000 targets of a call. It must never import the adapter.
package xiaomitest
