package events_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/recall-ledger/recall-ledger/events"
)

// oddPushes are ids real systems give, and what would break a subject.
var oddPushes = []struct{ push, token string }{
	{"order-4711", "order-4711"},
	{"v:1t:1603707455p:27133n:2", "v:1t:1603707455p:27133n:2"},
	{"a_B~c=d+e@f,g", "a_B~c=d+e@f,g"},
	{"a.b..c", "a%2Eb%2E%2Ec"},
	{"two words", "two%20words"},
	{"*", "%2A"},
	{">", "%3E"},
	{"$JS", "%24JS"},
	{"100%", "100%25"},
	{"%2E", "%252E"},
	{"撤回", "%E6%92%A4%E5%9B%9E"},
	{"a/b?c#d", "a%2Fb%3Fc%23d"},
	{"tab\tnewline\n", "tab%09newline%0A"},
}

func TestSubjectToken(t *testing.T) {
	for _, test := range oddPushes {
		if got := events.SubjectToken(test.push); got != test.token {
			t.Errorf("SubjectToken(%q) = %q, want %q", test.push, got, test.token)
		}
		got, err := events.ParseSubjectToken(test.token)
		if err != nil || got != test.push {
			t.Errorf("ParseSubjectToken(%q) = %q, %v, want %q", test.token, got, err, test.push)
		}
	}
	// Two tokens for one id would be two subjects, and two winners.
	for _, token := range []string{"%2e", "%41", "a.b", "a b", "%", "%2", "%ZZ", "*", "撤回"} {
		if got, err := events.ParseSubjectToken(token); err == nil {
			t.Errorf("ParseSubjectToken(%q) = %q, want an error", token, got)
		}
	}
}

func TestSubjectTokenProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		push := string(rapid.SliceOfN(rapid.Byte(), 1, events.MaxPush).Draw(t, "push"))
		token := events.SubjectToken(push)
		if strings.ContainsAny(token, ".*> \t\r\n") || len(token) > 3*len(push) {
			t.Fatalf("SubjectToken(%q) = %q is not one subject token", push, token)
		}
		if got, err := events.ParseSubjectToken(token); err != nil || got != push {
			t.Fatalf("ParseSubjectToken(SubjectToken(%q)) = %q, %v", push, got, err)
		}
	})
}

func TestSubjects(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{events.Subject(0, "shop", events.PushSent, "p.1", ""), "recall.fact.0.shop.push.p%2E1"},
		{events.Subject(7, "shop", events.DisplayShown, "p", ""), "recall.fact.7.shop.display.p"},
		{events.Subject(0, "shop", events.OutcomeAccepted, "p", "apns"), "recall.fact.0.shop.outcome.p"},
		{events.Subject(0, "shop", events.RecallRefused, "p", ""), "recall.fact.0.shop.recall.p"},
		{events.Subject(0, "shop", events.RecallRequested, "p", ""), "recall.decision.0.shop.recall.p"},
		{events.Subject(0, "shop", events.RecallAborted, "p", "apns"), "recall.decision.0.shop.recall.p"},
		{events.Subject(2, "shop", events.CommandIssued, "*", "apns"), "recall.decision.2.shop.command.%2A.apns"},
		{events.KeySubject(0, "shop", "b7f6c2f0-retry-safe"), "recall.decision.0.shop.key.7fbfa73e4e104185884a9f80ea137f31"},
		{events.DecisionFilter(1, "shop", "p"), "recall.decision.1.shop.recall.p"},
		{events.CommandFilter(0, "fcm"), "recall.decision.0.*.command.*.fcm"},
		{events.PushCommandFilter(0, "shop", "p"), "recall.decision.0.shop.command.p.*"},
		{events.PushFactFilter(0, "shop", "order-4711"), fmt.Sprintf("recall.fact.0.shop.*.%d", events.Bucket("order-4711"))},
	} {
		if test.got != test.want {
			t.Errorf("subject = %s, want %s", test.got, test.want)
		}
	}
	subjects, source, destination := events.StreamSubjects(3)
	if got, want := strings.Join(append(subjects, source, destination), " "),
		"recall.fact.3.*.*.* recall.decision.3.> recall.fact.3.*.*.* recall.fact.3.{{wildcard(1)}}.{{wildcard(2)}}.{{partition(64,3)}}"; got != want {
		t.Errorf("StreamSubjects = %s, want %s", got, want)
	}
}

// TestStoredNumbers pins what is part of the stored format: another bucket or
// partition would hide what is already in the log.
func TestStoredNumbers(t *testing.T) {
	for _, test := range []struct {
		push              string
		bucket, partition int
	}{
		{"order-4711", 29, 3},
		{"v:1t:1603707455p:27133n:2", 26, 8},
		{"a.b", 8, 6},
		{"撤回", 35, 1},
	} {
		if got := events.Bucket(test.push); got != test.bucket {
			t.Errorf("Bucket(%q) = %d, want %d", test.push, got, test.bucket)
		}
		if got := events.PartitionOf("shop", test.push, 16); got != test.partition {
			t.Errorf("PartitionOf(shop, %q, 16) = %d, want %d", test.push, got, test.partition)
		}
		for _, n := range []int{-1, 0, 1} {
			if got := events.PartitionOf("shop", test.push, n); got != 0 {
				t.Errorf("PartitionOf(shop, %q, %d) = %d, want 0", test.push, n, got)
			}
		}
	}
	// App and push are kept apart.
	if a, b := events.PartitionOf("ab", "c", 1<<16), events.PartitionOf("a", "bc", 1<<16); a == b {
		t.Errorf("ab/c and a/bc share partition %d of 65536", a)
	}
}

func TestBucketsAndPartitionsSpread(t *testing.T) {
	const pushes, partitions = 20_000, 8
	buckets, parts := map[int]int{}, map[int]int{}
	for i := range pushes {
		push := fmt.Sprintf("push-%d", i)
		buckets[events.Bucket(push)]++
		parts[events.PartitionOf("shop", push, partitions)]++
	}
	for name, test := range map[string]struct {
		counts map[int]int
		n      int
	}{"bucket": {buckets, events.Buckets}, "partition": {parts, partitions}} {
		for i := range test.n {
			if c, mean := test.counts[i], pushes/test.n; c < mean/2 || c > mean*2 {
				t.Errorf("%s %d has %d of %d pushes, want about %d", name, i, c, pushes, mean)
			}
		}
	}
}

func TestCheckSubject(t *testing.T) {
	header := func(kind events.Kind, app, push string) *events.Header {
		return &events.Header{Kind: kind, App: app, Push: push}
	}
	bucket := func(push string) string { return fmt.Sprint(events.Bucket(push)) }
	click := header(events.ClickClicked, "shop", "p.1")
	recall := header(events.RecallRequested, "shop", "p.1")
	command := header(events.CommandIssued, "shop", "p.1")
	key := header(events.KeyClaimed, "shop", "p.1")
	for _, test := range []struct {
		name, subject string
		header        *events.Header
		refusal       string
	}{
		{"fact", "recall.fact.0.shop.click." + bucket("p.1"), click, ""},
		{"refused recall is a fact", "recall.fact.0.shop.recall." + bucket("p.1"), header(events.RecallRefused, "shop", "p.1"), ""},
		{"recall", "recall.decision.0.shop.recall.p%2E1", recall, ""},
		{"command", "recall.decision.0.shop.command.p%2E1.apns", command, ""},
		{"key", events.KeySubject(0, "shop", "k"), key, ""},

		{"outside", "orders.new", click, "outside the grammar"},
		{"root only", "recall.fact.", click, "another partition"},
		{"empty", "", click, "outside the grammar"},
		{"another partition", "recall.fact.1.shop.click." + bucket("p.1"), click, "another partition"},
		{"another app", "recall.fact.0.bank.click." + bucket("p.1"), click, `app "shop" stands on a subject of app "bank"`},
		{"another family", "recall.fact.0.shop.display." + bucket("p.1"), click, `family "display"`},
		{"another bucket", "recall.fact.0.shop.click." + fmt.Sprint((events.Bucket("p.1")+1)%events.Buckets), click, "another push"},
		{"as published, not as stored", "recall.fact.0.shop.click.p%2E1", click, "another push"},
		{"fact as decision", "recall.decision.0.shop.click.p%2E1", click, "does not belong"},
		{"decision as fact", "recall.fact.0.shop.recall." + bucket("p.1"), recall, "does not belong"},
		{"another push", "recall.decision.0.shop.recall.q", recall, "another push"},
		{"one token too many", "recall.decision.0.shop.recall.p%2E1.x", recall, "outside the grammar"},
		{"command without channel", "recall.decision.0.shop.command.p%2E1", command, "outside the grammar"},
		{"command of two channels", "recall.decision.0.shop.command.p%2E1.apns.fcm", command, "outside the grammar"},
		{"key with a tail", events.KeySubject(0, "shop", "k") + ".x", key, "outside the grammar"},
		{"key of another app", events.KeySubject(0, "bank", "k"), key, "of app"},
		{"unknown kind", "recall.fact.0.shop.click.1", header("x.y", "shop", "p"), "family"},
	} {
		err := events.CheckSubject(test.subject, 0, test.header)
		if test.refusal == "" && err != nil {
			t.Errorf("%s: CheckSubject(%s) = %v, want nil", test.name, test.subject, err)
		}
		if test.refusal != "" && (err == nil || !strings.Contains(err.Error(), test.refusal)) {
			t.Errorf("%s: CheckSubject(%s) = %v, want a refusal with %q", test.name, test.subject, err, test.refusal)
		}
	}
}

// TestSubjectsOfSamples: every kind may stand where Subject puts it.
func TestSubjectsOfSamples(t *testing.T) {
	for _, e := range samples() {
		subject := events.Subject(0, e.App, e.Kind, e.Push, "apns")
		switch {
		case e.Kind == events.KeyClaimed:
			subject = events.KeySubject(0, e.App, e.Data.(*events.Key).Key)
		case !e.Kind.Decision():
			cut := strings.LastIndexByte(subject, '.') + 1
			subject = subject[:cut] + fmt.Sprint(events.Bucket(e.Push))
		}
		if err := events.CheckSubject(subject, 0, &e.Header); err != nil {
			t.Errorf("%s: %v", e.Kind, err)
		}
	}
}

func TestPosition(t *testing.T) {
	for _, want := range []events.Position{{}, {Partition: 3, Seq: 1742}, {Partition: 65535, Seq: 1<<64 - 1}} {
		text, err := want.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var got events.Position
		if err := got.UnmarshalText(text); err != nil || got != want {
			t.Errorf("UnmarshalText(%s) = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, s := range []string{"", "1", "-", "0-", "-1", "65536-1", "0--1", "0-18446744073709551616", "a-b", "0-1-2", "+0-1"} {
		if got, err := events.ParsePosition(s); err == nil {
			t.Errorf("ParsePosition(%q) = %v, want an error", s, got)
		}
	}
}

func TestCheckAppend(t *testing.T) {
	for _, n := range []int{0, events.MaxBatch + 1} {
		if err := events.CheckAppend(make([]events.Record, n)); err == nil || errors.Is(err, events.ErrOverloaded) {
			t.Errorf("CheckAppend of %d records = %v, want an error of its own", n, err)
		}
	}
	if err := events.CheckAppend(make([]events.Record, events.MaxBatch)); err != nil {
		t.Error(err)
	}
}

// TestMatchSubject: a filter matches what the server's would.
func TestMatchSubject(t *testing.T) {
	for _, test := range []struct {
		filter, subject string
		want            bool
	}{
		{"a.b", "a.b", true},
		{"a.b", "a.c", false},
		{"a.b", "a", false},
		{"a.b", "a.b.c", false},
		{"a.b", "A.b", false},
		{"a.*", "a.b", true},
		{"a.*", "a", false},
		{"a.*", "a.b.c", false},
		{"*.b", "a.b", true},
		{"a.*.c", "a.b.c", true},
		{"a.*.c", "a.b.d", false},
		{"a*", "ab", false},
		{"a.>", "a.b", true},
		{"a.>", "a.b.c.d", true},
		{"a.>", "a", false},
		{"a.>", "b.c", false},
		{">", "a", true},
		{">", "a.b", true},
		{"*.>", "a", false},
		// Only at the end does it stand for more.
		{"a.>.c", "a.b.c", false},
		{"a.>.c", "a.>.c", true},
		{">", "", false},
		{"", "", false},
		{"*", "", false},
		{"a.*", "a.", false},
		{"a.*.c", "a..c", false},
		{"a.>", "a.", false},
		{"a.>", "a..b", false},
		{"a.>", "a.b..c", false},
		{"a.>", "a.b.", false},
		{">", ".a", false},
	} {
		if got := events.MatchSubject(test.filter, test.subject); got != test.want {
			t.Errorf("MatchSubject(%q, %q) = %v, want %v", test.filter, test.subject, got, test.want)
		}
	}
}
