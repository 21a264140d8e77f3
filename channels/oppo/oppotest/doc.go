// Package oppotest is a double of the OPPO Push server API: authentication and the
// send in batches, under URL for devices in China and under URL + Overseas for all
// others.
//
// It follows OPPO's pages on authentication, addresses, return codes and single
// sends as mirrored in public source, and the vendor's field texts there (limits of
// texts, notify_id, app_message_id), checked 2026-11-20. Unverified: that a repeated
// app_message_id answers success. It must never import the adapter.
package oppotest
