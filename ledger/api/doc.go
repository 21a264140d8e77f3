// Package api is the native HTTP API of the ledger and its Go client.
//
// It promises that an answer of success is durable (L1), that a recall asked
// for twice under one idempotency key gets the same bytes twice (L6), that the
// second recall of a push names the first (L5), that every limit passed is named
// in the answer (L11), and that a list broken off is never mistaken for a
// complete one (L12).
//
// It must never decide anything itself: decisions are package decision's, state
// is package projections', and an error maps to exactly one problem code. It
// must never take the app from anything but the credential where there are
// credentials (L10), never let an empty or misspelt field widen a recall (L9),
// and never write tokens, device ids, query strings or bodies to the log file.
//
// Recalls, previews and aborts have slots of their own, so that a flood of other
// requests cannot keep the brake from being pulled (L11).
package api
