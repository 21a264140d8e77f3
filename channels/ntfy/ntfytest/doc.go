// Package ntfytest is a double of an ntfy server, version 2.16.0 or later: a topic
// is the screen of one device.
//
// It follows docs.ntfy.sh/publish as quoted in public source (checked
// 2026-11-20): publishing with a sequence id, deleting by it, bearer tokens, and
// errors as JSON with an http code. It must never import the adapter.
package ntfytest
