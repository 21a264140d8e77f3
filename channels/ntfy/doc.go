// Package ntfy takes notifications back on an ntfy server: it deletes them, or
// publishes another text under the same sequence id.
//
// It promises that a device is a topic: ntfy knows no devices, so a topic that
// several people read must not be used as one (L9). It must never be pointed at a
// server older than 2.16.0, which shows a second notification and answers success;
// no documented call tells the version, so that is the operator's to know.
//
// Source: docs.ntfy.sh/publish, "Updating + deleting notifications", as quoted in
// public source, and https://www.home-assistant.io/actions/ntfy.delete/ (checked
// 2026-11-20).
package ntfy
