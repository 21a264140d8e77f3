// Package showcase takes one push back from every channel there is: the double of
// every vendor on loopback, a whole node configured for them as an operator would,
// and real devices of the self-built channel.
//
// It promises:
//   - The node is an ordinary one: it gets the doubles' addresses and credentials
//     from the vendors of its configuration, and everything a service would do goes
//     over HTTP.
//   - What is said of a screen was read from the screen, and what is said of the
//     ledger from its API. Both are compared, device by device, with what the matrix
//     promises; "exact" is said only when nothing differs.
//   - It ends in some seconds and leaves nothing behind.
//
// It must never reach beyond loopback, or know better than the matrix what a
// channel can do: the table of vendors holds only what the doubles are and what
// goes wrong with them.
//
// Laws shown here: L7 (who clicked is left alone where devices can be named), L8
// (every holder has one outcome), L9 (whole sends only where that was accepted).
package showcase
