// Package selfbuilt is the push channel that needs no vendor: devices connect to
// the NATS server by WebSocket, show notifications, take back what was recalled
// and report what happened.
//
// The messages are JSON on core NATS subjects (subject.go). <device> is the
// device's id as events.SubjectToken writes it:
//
//	device.<app>.<device>.show          to the device: a Notification
//	device.<app>.<device>.instruction   to the device: an Instruction
//	device.<app>.<device>.report        from the device, answered: {"reports":[Report, ...]}
//	device.<app>.<device>.sync          from the device, answered: no body
//	device.<app>.<device>.inbox.>       where the device takes answers
//
// Every request is answered by an Answer: {"ok":true}, with "state" for a sync,
// or {"error":"..."}. An answer with "field" says that the request is wrong and
// must not be repeated; any other error, and silence, is to be repeated.
//
// It promises:
//   - A report is acknowledged only after the backend stored it (L1), and a
//     request with one bad report stores nothing.
//   - An instruction is never lost to a device that is away: the ledger holds it,
//     and the device asks for it on every connect before it shows anything (L8).
//   - The device leaves alone what was clicked or cleared (L7), and takes back
//     the named push only, whatever else has its slot by now (L9).
//   - App and device come from the subject, which the credential alone opens,
//     and answers go to that device's inbox and nowhere else (L10).
//
// It must never keep an instruction in JetStream or in memory on the server's
// side, never import the NATS server, and never log a device id, a password or
// the text of a notification.
package selfbuilt
