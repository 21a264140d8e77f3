// Package clustertest runs a cluster of real NATS servers for tests, each a
// process of its own that can be killed, paused, cut off and brought back.
//
// A test package says what its binary does when it is started as a server:
//
//	func TestMain(m *testing.M) {
//		clustertest.Main()
//		os.Exit(m.Run())
//	}
//
// and a test uses the cluster:
//
//	c := clustertest.Start(t, clustertest.Config{})   // three servers, R3 is possible
//	nc, err := jetstream.Dial(jetstream.DialConfig{URL: strings.Join(c.URLs(), ",")})
//	...
//	leader := c.Leader("LEDGER")   // waits until a majority agrees
//	c.Kill(leader)                 // SIGKILL
//	c.LeaderAfter("LEDGER", leader) // waits for the take-over
//	c.Restart(leader)
//	c.WaitCurrent("LEDGER")        // all three hold the stream and lag by nothing
//
// The servers are this test binary, started again (embedded.Serve), so they have
// the version of go.mod and need no installation. They listen on loopback, on
// ports the system picks, keep JetStream on disk and fsync always. Every link,
// client to server and server to server in each direction, runs through a
// forwarder of the test's process, which keeps its address over restarts and is
// what Cut stops: in silence, as a network does, so that nobody gets an error
// and what was under way arrives when the link heals. A server that is down
// refuses connections at once.
//
// It promises that nothing survives the test: servers are killed when the test
// ends, when its process dies, however it dies, and when Main's standard input
// ends.
//
// It must never be used outside tests, and it never sleeps: what takes time is
// awaited until it holds, at most Patience, and then the test fails with what
// the servers say.
package clustertest
