// Package double is what the doubles of vendors share: a server on loopback, the
// screens of simulated devices, access tokens, and faults on request. The doubles are
// beside their adapters (channels/huawei/huaweitest and so on), for the
// contract suite, for `recall demo --vendors` and for anybody's own tests.
//
// It promises that a double follows the vendor's documentation, not the adapter:
// it reads requests with its own types, checks credentials and limits, and
// answers in the vendor's form, so that a screen changes only if a real one would.
//
// It must never import an adapter, listen elsewhere than on loopback, or be used
// by a node that serves anybody.
package double
