// Package tracing carries a trace from whoever asked, over the log, to whatever
// was done about it: events hold a trace context, and a span is begun below it,
// also by another process and after a restart.
//
// It promises that where nothing is traced nothing is made: a nil Tracer begins no
// span, allocates nothing, and what an event carries is handed on as it is. A span
// that is not sampled leaves no mark on the log either.
//
// It must never touch the globals of OpenTelemetry, keep a tracestate, or put a
// text of a push, a device, a user or an error's text on a span: spans leave the
// ledger for a system that other people read.
//
// Laws kept here: L2 (how a trace goes on stands on the log and nowhere else).
package tracing
