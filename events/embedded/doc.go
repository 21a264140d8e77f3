// Package embedded runs the NATS server inside the process: the default for one
// machine. It is the only package that imports the server.
//
// It promises that every write is fsynced before it is acknowledged
// (sync_interval: always, L1), that no port is open unless one is asked for, and
// that a server which could not start or hit a fatal error is reported instead
// of limping on (L12): the server itself neither locks its folder nor exits, and
// deletes a stream whose files it cannot read, which are kept here.
//
// A folder into which a log is restored may be synced as a whole instead, at the
// end (Config.SyncLater); no server takes it before that.
//
// It must never be pointed at a folder the caller has not locked.
package embedded
