package span

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/memlog"
)

// TestUntil: the last event of a time or before, for every time there can be.
func TestUntil(t *testing.T) {
	begin := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	now := begin
	log := memlog.New(memlog.Config{Now: func() time.Time { return now }})
	check := func(at time.Time, want events.Seq) {
		t.Helper()
		if got, err := Until(context.Background(), log, at); err != nil || got != want {
			t.Errorf("until %s: %d, %v, want %d", at, got, err, want)
		}
	}
	check(begin, 0)
	// Batches of three, a second apart.
	for i := range 5 {
		now = begin.Add(time.Duration(i) * time.Second)
		var batch []events.Record
		for j := range 3 {
			batch = append(batch, events.Record{Subject: events.Subject(0, "a", events.PushSent, fmt.Sprintf("p%d-%d", i, j), ""), Data: []byte("x")})
		}
		if _, err := log.Append(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
	}
	for expired := range events.Seq(15) {
		log.Expire(expired + 1)
		for i := range 5 {
			last := events.Seq(3 * (i + 1))
			if last <= expired {
				continue
			}
			at := begin.Add(time.Duration(i) * time.Second)
			check(at, last)
			check(at.Add(999*time.Millisecond), last)
			check(at.Add(-1), max(last-3, expired))
		}
	}
	log.Expire(16)
	check(begin.Add(time.Hour), 15)
}

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 41, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"now":                       now,
		"@now":                      now,
		"@-10m":                     now.Add(-10 * time.Minute),
		"-10m":                      now.Add(-10 * time.Minute),
		"2026-11-20":                now.Truncate(24 * time.Hour),
		"2026-11-20T10:41:00+01:00": now,
		"@1795167660":               now,
		"1795167660000":             now,
	} {
		if got, err := ParseTime(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "@", "@@now", "09:41", "0-1742", "+10m", "--10m", "end", "1742", "1999-12-31"} {
		if got, err := ParseTime(text, now); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}
