package span

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/memlog"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// minutes is a log of ten events, one a minute before noon: event 1 at 11:50.
func minutes(t *testing.T, n int) events.Log {
	t.Helper()
	at := noon.Add(-11 * time.Minute)
	log := memlog.New(memlog.Config{Now: func() time.Time { at = at.Add(time.Minute); return at }})
	// The log took the first time for its own birth.
	at = noon.Add(-11 * time.Minute)
	for range n {
		if _, err := log.Append(t.Context(), []events.Record{{Subject: "recall.fact.0.a.push.1", Data: []byte("{}")}}); err != nil {
			t.Fatal(err)
		}
	}
	return log
}

func TestRanges(t *testing.T) {
	log := minutes(t, 10)
	for text, want := range map[string]Resolved{
		"":                                      {From: 1, To: 10},
		"start":                                 {From: 1, To: 10},
		"end":                                   {From: 11, To: 10},
		"4":                                     {From: 4, To: 10},
		"11":                                    {From: 11, To: 10},
		"0-4":                                   {From: 4, To: 10},
		"+3":                                    {From: 4, To: 10},
		"+30":                                   {From: 11, To: 10},
		"-3":                                    {From: 8, To: 10},
		"-30":                                   {From: 1, To: 10},
		"4:7":                                   {From: 4, To: 7, Closed: true},
		"0-4:0-7":                               {From: 4, To: 7, Closed: true},
		"4:4":                                   {From: 4, To: 4, Closed: true},
		"4:50":                                  {From: 4, To: 50, Closed: true},
		":7":                                    {From: 1, To: 7, Closed: true},
		"4:":                                    {From: 4, To: 10},
		":end":                                  {From: 1, To: 10, Closed: true},
		"start:start":                           {From: 1, To: 1, Closed: true},
		"4:+2":                                  {From: 4, To: 5, Closed: true},
		"4:-2":                                  {From: 4, To: 8, Closed: true},
		":-30":                                  {From: 1, To: 0, Closed: true},
		"@-5m":                                  {From: 6, To: 10},
		"@-5m:@-3m":                             {From: 6, To: 7, Closed: true},
		"@-5m:-3m":                              {From: 6, To: 7, Closed: true},
		"@-5m:end":                              {From: 6, To: 10, Closed: true},
		"@2026-11-20T11:55:00Z":                 {From: 6, To: 10},
		"@2026-11-20T12:55:00+01:00":            {From: 6, To: 10},
		"@2026-11-20T11:55:00Z:2026-11-21":      {From: 6, To: 10, Until: noon.Add(12 * time.Hour)},
		"@2026-11-20T11:55:00Z:@-3m":            {From: 6, To: 7, Closed: true},
		"@2026-11-20:2026-11-20T11:53:00Z":      {From: 1, To: 3, Closed: true},
		"@1795175700":                           {From: 6, To: 10},
		"@1795175700000":                        {From: 6, To: 10},
		"@now":                                  {From: 11, To: 10},
		"3:@-3m":                                {From: 3, To: 7, Closed: true},
		"@2026-11-20T12:55:00+01:00:1795175820": {From: 6, To: 7, Closed: true},
	} {
		s, err := Parse(text, noon)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got, err := s.Resolve(t.Context(), log); err != nil || got != want {
			t.Errorf("%q is %+v, %v; want %+v", text, got, err, want)
		}
		// What String writes means the same, whenever it is read.
		again, err := Parse(s.String(), noon.Add(time.Hour))
		if err != nil || again != s {
			t.Errorf("%q was written as %q, which is read as %+v, %v; want %+v", text, s, again, err, s)
		}
	}
}

func TestRefused(t *testing.T) {
	for text, word := range map[string]string{
		" 1":                       "spaces",
		":":                        "a bound is missing",
		"x":                        "none of start, end",
		"0":                        "first event has sequence 1",
		"0-0":                      "first event has sequence 1",
		"1-":                       "the sequence is not a number",
		"-":                        "none of start",
		"+":                        "none of start",
		"+0":                       "a count is 1 or more",
		"++1":                      "none of start",
		"-0":                       "a count is 1 or more",
		"7:4":                      "ends before it begins",
		"0-4:1-7":                  "two partitions",
		"1:2:3":                    "none of start",
		"99999999999999999999":     "none of start",
		"@":                        "none of RFC 3339",
		"@--5m":                    "not a duration",
		"@-5":                      "not a duration",
		"@5":                       "none of RFC 3339",
		"@900000000":               "year 1998",
		"@09:41":                   "none of RFC 3339",
		"@2026-11-20T11:54:30Z:11": "none of RFC 3339",
		"@now:@-5m":                "ends before it begins",
		"@now:@now":                "ends before it begins",
		"@2026-11-20T11:54:30":     "none of RFC 3339",
		"-10m":                     "none of start",
	} {
		if s, err := Parse(text, noon); err == nil {
			t.Errorf("%q is read as %+v", text, s)
		} else if !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v, want %q", text, err, word)
		}
	}
}

// A range the log does not hold is an error, never a shorter list.
func TestOutOfTheLog(t *testing.T) {
	log := minutes(t, 10)
	for text, word := range map[string]string{
		"12":   "the log ends at 10",
		"1-4":  "names partition 1",
		":1-4": "names partition 1",
	} {
		s, err := Parse(text, noon)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Resolve(t.Context(), log); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
	}
	s, err := Parse("4", noon)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Resolve(t.Context(), aged{log}); err == nil || !strings.Contains(err.Error(), "nothing before 6") {
		t.Errorf("behind the age limit: %+v, %v", got, err)
	}
}

// aged is a log whose first five events are past their age.
type aged struct{ events.Log }

func (l aged) Info(ctx context.Context) (events.Info, error) {
	i, err := l.Log.Info(ctx)
	i.First = 6
	return i, err
}

func TestEmptyLog(t *testing.T) {
	log := memlog.New(memlog.Config{})
	for _, text := range []string{"", "start", "end", "+3", "-3", "@-5m", "@-5m:@now", ":end", ":-3"} {
		s, err := Parse(text, noon)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := s.Resolve(t.Context(), log); err != nil || r.From != 1 || r.To != 0 {
			t.Errorf("%q of nothing is %+v, %v", text, r, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("4:7")
	f.Add("@2026-11-20T11:55:00Z:@-3m")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text, noon)
		if err != nil {
			return
		}
		if again, err := Parse(s.String(), noon); err != nil || again != s {
			t.Errorf("%q was written as %q, which is read as %+v, %v", text, s, again, err)
		}
	})
}
