// Package decision takes requests for recalls, decides them by the rules of
// package ledger and puts the decision on the log: the one way in for the API
// and every facade.
//
// It promises that a decision is judged at the log's end as it was when the
// request came, that an accepted recall is appended with an expected sequence so
// that no second one of the same or a lesser action can follow (L5), and that a
// request with a known idempotency key gets its first answer byte for byte (L6).
//
// It must never decide by a lock, a cache or a time window, and must never
// answer before the decision is durable (L1).
package decision
