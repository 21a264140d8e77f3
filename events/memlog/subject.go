package memlog

import (
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/recall-ledger/recall-ledger/events"
)

// stored returns the subject the stream stores a published one under, and
// whether the stream takes it at all.
func stored(subject string, partition int) (string, bool) {
	taken, source, _ := events.StreamSubjects(partition)
	if events.MatchSubject(source, subject) {
		cut := strings.LastIndexByte(subject, '.') + 1
		// The server hashes the token as it stands, canonical or not.
		h := fnv.New32a()
		h.Write([]byte(subject[cut:]))
		return subject[:cut] + strconv.Itoa(int(h.Sum32()%events.Buckets)), true
	}
	for _, t := range taken {
		if events.MatchSubject(t, subject) {
			return subject, true
		}
	}
	return "", false
}
