package bench

// Unit is what a figure counts.
type Unit string

// The units. More is better of a rate, less of the others.
const (
	PerSecond Unit = "per second"
	Seconds   Unit = "seconds"
	Bytes     Unit = "bytes"
)

// budget is what section 10 of the design asks of a figure. Zero asks nothing.
type budget struct {
	text string
	// atLeast and atMost bound the product's figure, ratio its share of the
	// ceiling.
	atLeast, atMost, ratio float64
	// devices and notifications are the scale the budget is meant for: meeting
	// it at less proves less.
	devices, notifications int
}

// spec is one line of the report.
type spec struct {
	// name and part are what the line is called by.
	name, part string
	unit       Unit
	// of is what a rate counts.
	of string
	// what is measured, and what ceiling stands beside it.
	what, ceiling string
	budget        budget
	// durable lines are told the disk's own fsyncs.
	durable bool
	// peak lines take the largest of the rounds instead of the median.
	peak bool
}

func p50(s spec) spec { s.part = "p50"; return s }
func p99(s spec) spec { s.part = "p99"; return s }

// The lines of the report by measurement, in the order of the report.
func specs() map[string][]spec {
	lone := spec{
		name: "lone", unit: Seconds, durable: true, what: "one event at low load until it is acknowledged, after its fsync",
		ceiling: "a raw durable publish to JetStream",
	}
	preview := spec{
		name: "preview", unit: Seconds, what: "preview of a recall of the large push", ceiling: "a Get of a plain Pebble row",
		budget: budget{text: "under 1 ms", atMost: 1e-3, devices: 5_000_000},
	}
	device := spec{
		name: "device", unit: Seconds, what: "everything one device holds unclicked", ceiling: "a Get of a plain Pebble row",
	}
	lookup := spec{
		name: "lookup", unit: Seconds, what: "state of one notification while events come in at full rate",
		ceiling: "a Get of a plain Pebble row while rows are put at full rate",
	}
	loneBudget, lookupBudget := lone, lookup
	loneBudget.budget = budget{text: "under 10 ms", atMost: 10e-3}
	lookupBudget.budget = budget{text: "under 2 ms", atMost: 2e-3}
	return map[string][]spec{
		"packed": {{
			name: "packed", unit: PerSecond, of: "facts", durable: true,
			what:    "facts of 500 devices an event by the publisher: acknowledged after fsync, folded, queryable",
			ceiling: "raw durable JetStream, atomic batches of the same bytes",
			budget:  budget{text: "1.7 M/s, ratio 0.7", atLeast: 1_700_000, ratio: 0.7},
		}},
		"single": {{
			name: "single", unit: PerSecond, of: "events", durable: true,
			what:    "events of one device each by the publisher: acknowledged after fsync, folded, queryable",
			ceiling: "raw durable JetStream, atomic batches of the same bytes",
			budget:  budget{text: "ratio 0.7", ratio: 0.7},
		}},
		"lone": {p50(lone), p99(loneBudget)},
		"fold": {{
			name: "fold", unit: PerSecond, of: "facts", what: "a projection from nothing: the log read, decoded and folded, the checkpoint synced",
			ceiling: "plain Pebble puts of one row per fact",
			budget:  budget{text: "2 M/s, ratio 1", atLeast: 2_000_000, ratio: 1},
		}},
		"preview": {p50(preview), p99(preview)},
		"holders": {{
			name: "holders", unit: PerSecond, of: "devices", what: "all holders of the large push, streamed by the projection",
			ceiling: "a scan of plain Pebble rows", budget: budget{text: "10 M/s", atLeast: 10_000_000, devices: 5_000_000},
		}},
		"http": {{
			name: "http", unit: PerSecond, of: "devices", what: "the same list through the API and a loopback connection",
			ceiling: "the same bytes from memory through HTTP", budget: budget{text: "1 M/s", atLeast: 1_000_000, devices: 5_000_000},
		}},
		"device": {p50(device), p99(device)},
		"lookup": {p50(lookup), p99(lookupBudget), {
			name: "lookup", part: "load", unit: PerSecond, of: "facts", what: "what came in meanwhile", ceiling: "the rows put meanwhile",
		}},
		"recall": {{
			name: "recall", part: "commands", unit: Seconds, durable: true, what: "recall of a push that every device holds: asked for until the last command is on the log",
			ceiling: "raw durable JetStream, the same commands", budget: budget{text: "under 2 s", atMost: 2, devices: 1_000_000},
		}, {
			name: "recall", part: "outcomes", unit: Seconds, durable: true, what: "and until the last outcome, with channels that answer at once",
			ceiling: "raw durable JetStream, the same commands and outcomes",
		}},
		"disk": {{
			name: "disk", part: "store", unit: Bytes, what: "the projection on disk per notification, devices known",
			ceiling: "a plain Pebble row per notification", budget: budget{text: "at most 8 B", atMost: 8},
		}, {
			name: "disk", part: "log", unit: Bytes, what: "the log per notification, as its stream counts: sent, most delivered, half shown",
		}},
		"start": {{
			name: "start", unit: Seconds, what: "a node from kill -9 until it serves", ceiling: "a node on an empty folder",
			budget: budget{text: "under 5 s", atMost: 5, notifications: 10_000_000},
		}, {
			name: "start", part: "memory", unit: Bytes, peak: true, what: "the most memory that node took (resident)",
		}},
	}
}
