package events

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"net/url"
	"strconv"
	"strings"
)

// The subject grammar, both directions. FORMAT.md documents it.
//
//	recall.fact.<partition>.<app>.<family>.<push>       as published
//	recall.fact.<partition>.<app>.<family>.<bucket>     as stored
//	recall.decision.<partition>.<app>.recall.<push>
//	recall.decision.<partition>.<app>.command.<push>.<channel>
//	recall.decision.<partition>.<app>.key.<hash>
//
// The stream maps a fact's push to one of Buckets buckets as it stores the
// message, because every distinct stored subject costs memory for as long as it
// is kept. Decisions are rare and keep one subject per push: the expected last
// sequence of that subject is what makes a recall unique (L5).
const (
	subjectRoot     = "recall"
	subjectFact     = "recall.fact."
	subjectDecision = "recall.decision."

	// Buckets is the number of stored subjects per app and family. It is part
	// of the stored format.
	Buckets = 64
)

// Subject returns where an event is published.
func Subject(partition int, app string, kind Kind, push, channel string) string {
	p := strconv.Itoa(partition)
	family := string(kind.Family())
	if !kind.Decision() {
		return subjectFact + p + "." + app + "." + family + "." + SubjectToken(push)
	}
	s := subjectDecision + p + "." + app + "." + family + "." + SubjectToken(push)
	if kind == CommandIssued {
		s += "." + channel
	}
	return s
}

// KeySubject returns the subject on which an idempotency key is claimed (L6).
func KeySubject(partition int, app, key string) string {
	sum := sha256.Sum256([]byte(key))
	return subjectDecision + strconv.Itoa(partition) + "." + app + "." + string(FamilyKey) + "." + hex.EncodeToString(sum[:16])
}

// DecisionFilter matches the recalls of one push.
func DecisionFilter(partition int, app, push string) string {
	return Subject(partition, app, RecallRequested, push, "")
}

// CommandFilter matches all commands of a channel in a partition.
func CommandFilter(partition int, channel string) string {
	return subjectDecision + strconv.Itoa(partition) + ".*." + string(FamilyCommand) + ".*." + channel
}

// PushCommandFilter matches the commands of one push on every channel.
func PushCommandFilter(partition int, app, push string) string {
	return subjectDecision + strconv.Itoa(partition) + "." + app + "." + string(FamilyCommand) + "." + SubjectToken(push) + ".*"
}

// PushFactFilter matches the stored facts of one push, and those of other
// pushes of the app that share its bucket.
func PushFactFilter(partition int, app, push string) string {
	return subjectFact + strconv.Itoa(partition) + "." + app + ".*." + strconv.Itoa(Bucket(push))
}

// StreamSubjects returns the subjects the stream of a partition takes, and the
// mapping it applies to facts as it stores them.
func StreamSubjects(partition int) (subjects []string, source, destination string) {
	p := strconv.Itoa(partition)
	source = subjectFact + p + ".*.*.*"
	destination = fmt.Sprintf("%s%s.{{wildcard(1)}}.{{wildcard(2)}}.{{partition(%d,3)}}", subjectFact, p, Buckets)
	return []string{source, subjectDecision + p + ".>"}, source, destination
}

// MatchSubject reports whether a literal subject matches a filter: "*" stands for
// one token, ">" at the end for one or more. A subject with an empty token is none: no
// filter matches it.
func MatchSubject(filter, subject string) bool {
	for {
		f, filterRest, filterMore := strings.Cut(filter, ".")
		s, subjectRest, subjectMore := strings.Cut(subject, ".")
		switch {
		case s == "":
			return false
		case f == ">" && !filterMore:
			return !strings.Contains(subject+".", "..")
		case f != "*" && f != s:
			return false
		case !filterMore || !subjectMore:
			return filterMore == subjectMore
		}
		filter, subject = filterRest, subjectRest
	}
}

// Bucket returns the stored subject's last token for a fact of the push: the
// function the server's partition() uses, FNV-1a of 32 bits over the token.
func Bucket(push string) int {
	h := fnv.New32a()
	h.Write([]byte(SubjectToken(push)))
	return int(h.Sum32() % Buckets)
}

// PartitionOf returns the partition of a push: all its facts, decisions and
// commands have one order.
func PartitionOf(app, push string, partitions int) int {
	if partitions <= 1 {
		return 0
	}
	h := fnv.New32a()
	h.Write([]byte(app))
	h.Write([]byte{0})
	h.Write([]byte(push))
	return int(h.Sum32() % uint32(partitions))
}

// KeyPartition returns the partition in which a key that concerns the whole ledger
// is claimed: an idempotency key given with a request whose push may be anywhere.
func KeyPartition(app, key string, partitions int) int {
	return PartitionOf(keyScope(app), key, partitions)
}

// keyScope keeps the homes of an app's keys apart from those of its pushes.
func keyScope(app string) string { return app + "\x00key" }

// CheckSubject reports whether an event may stand on the subject it was stored
// under. Permissions are granted by subject, so an event whose body names
// another app than its subject would cross tenants (L10).
func CheckSubject(subject string, partition int, e *Header) error {
	rest, fact := strings.CutPrefix(subject, subjectFact)
	if !fact {
		var ok bool
		if rest, ok = strings.CutPrefix(subject, subjectDecision); !ok {
			return fmt.Errorf("subject %q is outside the grammar", subject)
		}
	}
	if fact == e.Kind.Decision() {
		return fmt.Errorf("kind %s does not belong on subject %q", e.Kind, subject)
	}
	p, rest, _ := strings.Cut(rest, ".")
	app, rest, _ := strings.Cut(rest, ".")
	family, last, _ := strings.Cut(rest, ".")
	switch {
	case p != strconv.Itoa(partition):
		return fmt.Errorf("subject %q names another partition than %d", subject, partition)
	case app != e.App:
		return fmt.Errorf("app %q stands on a subject of app %q", e.App, app)
	case family != string(e.Kind.Family()):
		return fmt.Errorf("kind %s stands on a subject of family %q", e.Kind, family)
	}
	if fact {
		if last != strconv.Itoa(Bucket(e.Push)) {
			return fmt.Errorf("push %q stands on the subject of another push", e.Push)
		}
		return nil
	}
	push, channel, more := strings.Cut(last, ".")
	if more != (e.Kind == CommandIssued) || more && CheckChannel("channel", channel) != nil {
		return fmt.Errorf("subject %q is outside the grammar", subject)
	}
	// The subject of a key is its hash, which an event header does not hold.
	if e.Kind != KeyClaimed && push != SubjectToken(e.Push) {
		return fmt.Errorf("push %q stands on the subject of another push", e.Push)
	}
	return nil
}

const hexDigits = "0123456789ABCDEF"

// SubjectToken turns an id into one subject token: letters, digits and "-_:~=+@,"
// stay, every other byte becomes %XX, as in a URL path.
func SubjectToken(id string) string {
	safe := true
	for i := range len(id) {
		if !plain(id[i]) {
			safe = false
			break
		}
	}
	if safe {
		return id
	}
	b := make([]byte, 0, len(id)+8)
	for i := range len(id) {
		if c := id[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return string(b)
}

func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '_' || c == ':' || c == '~' || c == '=' || c == '+' || c == '@' || c == ','
}

// ParseSubjectToken reads what SubjectToken wrote.
func ParseSubjectToken(token string) (string, error) {
	id, err := url.PathUnescape(token)
	if err != nil || SubjectToken(id) != token {
		return "", fmt.Errorf("subject token %q is not in its canonical form", token)
	}
	return id, nil
}
