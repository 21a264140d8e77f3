// Package demo plays a campaign that goes wrong and is taken back: a whole node
// in a folder of its own, the services that send and report through its HTTP
// API, the vendors behind the channels, and a few real devices.
//
// It promises:
//   - Everything a service would do goes over HTTP, through the API's own client.
//   - The campaign is a function of its seed: which device gets what, what it
//     does, when that is reported, what its vendor answers.
//   - It keeps books of its own, from what it sent and what its vendors were
//     asked, and ends by comparing them with the ledger's account, notification
//     by notification. "account: exact" is said only when nothing differs.
//   - A demo in a named folder survives kill -9 at any moment: run again it goes
//     on where it was, its vendors remember what they did, and the account at
//     the end is as exact.
//   - Memory is some bytes per device and fact, beside what the vendors and the
//     node take.
//
// It must never decide anything of the domain, take its figures from the ledger
// it checks, or leave anything behind outside a folder it was given.
//
// Laws shown here: L1 (the crash), L4 (facts out of order and twice), L5 (the
// second recall), L6 (the repeated request after a crash), L7 (clicks before a
// call), L8 (late facts, devices that come back).
package demo
