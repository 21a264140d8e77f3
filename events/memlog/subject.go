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
	if match(source, subject) {
		cut := strings.LastIndexByte(subject, '.') + 1
		// The server hashes the token as it stands, canonical or not.
		h := fnv.New32a()
		h.Write([]byte(subject[cut:]))
		return subject[:cut] + strconv.Itoa(int(h.Sum32()%events.Buckets)), true
	}
	for _, t := range taken {
		if match(t, subject) {
			return subject, true
		}
	}
	return "", false
}

// match reports whether a literal subject matches a filter: "*" stands for one
// token, ">" at the end for one or more.
func match(filter, subject string) bool {
	for {
		f, filterRest, filterMore := strings.Cut(filter, ".")
		s, subjectRest, subjectMore := strings.Cut(subject, ".")
		switch {
		case s == "":
			return false
		case f == ">" && !filterMore:
			return true
		case f != "*" && f != s:
			return false
		case !filterMore || !subjectMore:
			return filterMore == subjectMore
		}
		filter, subject = filterRest, subjectRest
	}
}
