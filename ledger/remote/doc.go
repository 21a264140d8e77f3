// Package remote is a partition that another node serves: a Client asks for what
// is known of it, a Server answers for the partitions of this node, over NATS
// request and reply.
//
// It promises that an answer is at least as new as everything its client has
// waited for or seen before, whichever node gives it: every request carries that
// sequence, and a node that is behind waits or says so, and another is asked.
// Decisions rest on that (L5). A list of devices is read in parts and goes on at
// another node when one stops.
//
// It must never answer from memory what it could not ask, and never repeat a
// command of which it is unknown whether it was carried out.
//
// The requests stay inside the ledger's own account of the NATS servers, which
// devices and publishers must not have. The app stands in the request: the node
// that asks took it from its caller's credential (L10), and an answer holds
// nothing of another app but where the question is about the whole partition.
// Those are asked by operators' views and by nodes themselves, which sift them.
//
// Laws kept here: L5, L9, L10, L11.
package remote
