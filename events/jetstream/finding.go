package jetstream

import (
	"fmt"
	"strings"
)

// Trouble is a kind of Finding. The values are fit for a label of a metric.
type Trouble string

// What a Watch finds.
const (
	// NoStream and NoLeader: the partition can neither be written nor read.
	NoStream Trouble = "no_stream"
	NoLeader Trouble = "no_leader"
	// Offline and Behind: the stream works, with less to spare.
	Offline Trouble = "replica_offline"
	Behind  Trouble = "replica_behind"
	// Gap and Differs: a copy lacks messages, though its server says it is current.
	// NATS notices neither (Jepsen 2025-12-08; measured again in 2.15.2).
	Gap     Trouble = "replica_gap"
	Differs Trouble = "replica_differs"
	// SlowLeader: appends take long by one leader. NATS keeps it.
	SlowLeader Trouble = "slow_leader"
	// Unsynced: a server acknowledges what is not on disk.
	Unsynced Trouble = "unsynced"
	// Full: the store of a server is nearly full.
	Full Trouble = "store_nearly_full"
	// Skew: a server's clock differs from this one's.
	Skew Trouble = "clock_skew"
	// Blind: the servers cannot be asked, so that the findings of single copies,
	// sync, store and clock are not made.
	Blind Trouble = "not_watched"
)

// Severity says what a finding means for a node.
type Severity uint8

// The severities.
const (
	// Notice is for the record.
	Notice Severity = iota
	// Warning needs a person soon: one more fault, and something stops.
	Warning
	// Critical: acknowledged events are at risk, or the partition stands still. A
	// node is not ready.
	Critical
)

func (s Severity) String() string { return [...]string{"notice", "warning", "critical"}[s] }

// Finding is one thing that is wrong.
type Finding struct {
	Trouble  Trouble
	Severity Severity
	// Partition is -1 and Stream "" when the finding is of a server as a whole,
	// Server "" when it is of none.
	Partition int
	Stream    string
	Server    string
	// Text says what is wrong and Remedy what to do.
	Text, Remedy string
}

func (f Finding) String() string {
	return fmt.Sprintf("%s: %s. %s.", f.Severity, f.Text, f.Remedy)
}

// same identifies a finding over time: figures in the text change.
func (f Finding) same() string {
	return string(f.Trouble) + "/" + f.Stream + "/" + f.Server
}

// troubles holds the severity and the remedy of every kind.
var troubles = map[Trouble]struct {
	severity Severity
	remedy   string
}{
	NoStream: {Critical, "Do not let a node make it anew: find out who removed stream {stream}, and restore it from a backup"},
	NoLeader: {Critical, "See that more than half of the servers run and reach each other; the stream then elects a leader within ten seconds"},
	Offline:  {Warning, "Start server {server} again; it catches up by itself. If it is lost for good, start one with the same name on an empty folder"},
	Behind:   {Warning, "Wait while it catches up; if it does not get closer, look at the disk and the log of server {server} and restart it"},
	Gap: {Critical, "Check the disk of server {server}. Stop it, remove the folder streams/{stream} of the log's account and the folder _js_/{group} of the system account below its JetStream store, " +
		"and start it: it copies the stream from its peers. Never do that on more than one server at a time"},
	Differs: {Critical, "Treat the copy on server {server} as damaged: stop the server, remove the folder streams/{stream} of the log's account and the folder _js_/{group} of the system account below its JetStream store, " +
		"and start it: it copies the stream from its peers. Never do that on more than one server at a time"},
	SlowLeader: {Warning, "Check the disk of server {server}; nats stream cluster step-down {stream} lets another server lead at once"},
	Unsynced:   {Critical, "Set sync_interval: always in the jetstream block of the configuration of server {server} and restart it"},
	Full:       {Warning, "Give the JetStream store of server {server} more room (max_file_store, and the disk below it), or shorten how long the log is kept"},
	Skew:       {Warning, "Synchronise the clocks of this machine and of server {server}: expiry, windows and signatures go by them"},
	Blind:      {Notice, "Name a user of the system account or the servers' monitoring endpoints: a damaged copy cannot be seen otherwise"},
}

// finding fills in what the table says. Text and subject are the caller's.
func finding(kind Trouble, stream string, partition int, server, group, text string, a ...any) Finding {
	t := troubles[kind]
	fill := strings.NewReplacer("{server}", server, "{stream}", stream, "{group}", group)
	return Finding{
		Trouble: kind, Severity: t.severity, Partition: partition, Stream: stream, Server: server,
		Text: fmt.Sprintf(text, a...), Remedy: fill.Replace(t.remedy),
	}
}
