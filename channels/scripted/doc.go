// Package scripted is an emitter whose vendor and devices do what a script says.
// It stands for any channel in tests and demonstrations, and remembers what each
// simulated device shows and how often it was touched.
//
// It promises:
//   - What it counts is exact under concurrent use: a test can show that no
//     clicked device was called (L7), that nobody was forgotten (L8) and that
//     nobody was touched twice.
//   - One result per device, in the order of the command (L8).
//   - Memory is kept for touched notifications only, about 110 bytes each beside
//     the device's name: a recall from 1,000,000 devices took 134 MB with names
//     of 23 bytes. Texts, push ids and calls are kept once, not per device.
//
// It must never take the time, wait or choose by chance on its own: clock, delay
// and behaviour come from outside.
package scripted
