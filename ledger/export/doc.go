// Package export writes events of the log, and what follows from them, as tables
// for analysts: Parquet, NDJSON or CSV files in folders by day and channel.
//
// It promises that a file with its final name is whole (written beside it and
// renamed), that an export that was interrupted goes on where it was with the
// same files as if nothing had happened, that every event of the range has its
// rows or is counted as unreadable (L12), and that the words are those of the
// ledger. SCHEMA.md describes the tables; a test keeps it true.
//
// It must never write to a log or ask one for anything: the caller reads and
// hands over what is there, in order. It holds the rows of one segment, and for
// the tables of notifications and recalls one entry per notification up to a
// limit with a name (L11).
package export
