// Package callback tells the services that used UMS what became of their
// messages, as UMS did: every fact and outcome of a push that was sent through
// the facade becomes a status item, and items go in batches to the URL that is
// registered for the ChannelKey.
//
// It promises:
//
//  1. At least once. A message of the log is acknowledged only after all of its
//     items were delivered or dropped, so a restart loses nothing. An item comes
//     twice when its receiver answered too late or with anything but 200, when
//     the node stopped or died with a part of a message's items delivered (all
//     of them come again, up to events.MaxDevices), when it died between a
//     delivery and the acknowledgement, and when a writer repeated a fact. After
//     a restart the tries of a batch count from one again.
//  2. Nobody waits for anybody. Each URL has a durable consumer, a batch and
//     senders of its own, and no lock, queue or worker of recalls. What a dead
//     receiver does not take stays on the log, not in memory: see Held.
//  3. Nothing goes to a URL before it echoed a random text with the credential's
//     Basic authentication. Until it did, its statuses wait on the log, for as
//     long as the log keeps them.
//  4. A batch that was refused four times is dropped, counted, and logged with
//     the ids of its pushes.
//
// It must never follow a redirect, call a URL that is not in the configuration,
// or read more of an answer than it needs; and never log a device, a body, or a
// URL, which may hold a secret.
//
// What becomes which status stands in status.go, with what the vendor leaves
// open. What this adds to it:
//   - 7, retracted, is sent once: at outcome.accepted where nothing better will
//     be known, and at outcome.confirmed on a channel whose devices report the
//     removal (the matrix says which), where accepted says no more than that the
//     instruction stands. There a device that never returns has neither 7 nor 8.
//   - outcome.skipped has no status. It says that there was nothing to take back,
//     and what took it away, a click, a failure or an earlier removal, has a
//     status of its own; or that the recall was called off.
//   - Only the actions recall and terminate have statuses; UMS knows no other.
//   - Items come roughly in the order of the log. Nothing relies on it, and
//     nothing promises it.
//
// A push is told of only if a URL was registered for its ChannelKey when it was
// sent, since the send keeps that in labels. The place of a URL in the list
// names its consumer: a URL that is exchanged for another goes on where the old
// one was, and is not told the history again. A consumer whose URL was taken out
// of the configuration stays on the stream and costs next to nothing.
//
// The cost: every registered URL reads all facts and outcomes of its app once,
// whatever facade they belong to, about 20,000 messages a second on two cores,
// and 16,000 items a second of messages of one device each (BenchmarkReceiver).
// An app that stores more messages than that for long, packed with many devices
// or not, outruns its receivers. A place of the list that is used for the first
// time reads what the log holds of the app once. A message that waits for its
// receiver costs a heartbeat a second. Apps without a URL cost nothing.
//
// Laws kept here: L1, L2 (the consumer on the log is the only state), L10 (an
// app's facts go to the receivers of that app), L11 (every limit has a name),
// L12 (what is dropped is counted).
package callback
