package memlog_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/logtest"
	"github.com/recall-ledger/recall-ledger/events/memlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	logtest.Run(t, func(*testing.T) events.Log { return memlog.New(memlog.Config{}) })
}

func TestContractOfAnotherPartition(t *testing.T) {
	logtest.Run(t, func(*testing.T) events.Log { return memlog.New(memlog.Config{Partition: 3}) })
}

func click(data string) events.Record {
	return events.Record{Subject: events.Subject(0, "shop", events.ClickClicked, "p", ""), Data: []byte(data)}
}

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name   string
		fault  memlog.Fault
		expect events.Seq
		want   error
		stored int
	}{
		{"none", memlog.Fault{}, 0, nil, 1},
		{"unknown, not stored", memlog.Fault{Err: events.ErrUnknown}, 0, events.ErrUnknown, 0},
		{"unknown, stored", memlog.Fault{Err: events.ErrUnknown, Stored: true}, 0, events.ErrUnknown, 1},
		{"unknown, in conflict", memlog.Fault{Err: events.ErrUnknown, Stored: true}, 7, events.ErrUnknown, 0},
		{"overloaded", memlog.Fault{Err: events.ErrOverloaded}, 0, events.ErrOverloaded, 0},
	} {
		log := memlog.New(memlog.Config{Fault: func([]events.Record) memlog.Fault { return test.fault }})
		r := click("x")
		r.Fenced, r.Expect = true, test.expect
		_, err := log.Append(t.Context(), []events.Record{r})
		if !errors.Is(err, test.want) {
			t.Errorf("%s: Append = %v, want %v", test.name, err, test.want)
		}
		if got := len(log.Messages()); got != test.stored {
			t.Errorf("%s: %d messages are stored, want %d", test.name, got, test.stored)
		}
	}
}

func TestFull(t *testing.T) {
	log := memlog.New(memlog.Config{MaxBytes: 100})
	if _, err := log.Append(t.Context(), []events.Record{click("x")}); err != nil {
		t.Fatal(err)
	}
	// One of the two would fit: all or nothing.
	if _, err := log.Append(t.Context(), []events.Record{click("y"), click(strings.Repeat("z", 100))}); !errors.Is(err, events.ErrFull) {
		t.Errorf("Append beyond MaxBytes = %v, want ErrFull", err)
	}
	if got := len(log.Messages()); got != 1 {
		t.Errorf("%d messages are stored, want 1", got)
	}
}

func TestClockSetBack(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	log := memlog.New(memlog.Config{Now: func() time.Time { return now }})
	for _, step := range []time.Duration{time.Minute, -time.Hour, time.Second} {
		now = now.Add(step)
		if _, err := log.Append(t.Context(), []events.Record{click("x")}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, m := range log.Messages() {
		got = append(got, m.Time.Format(time.TimeOnly))
	}
	if diff := cmp.Diff(got, []string{"12:01:00", "12:01:00", "12:01:00"}); diff != "" {
		t.Error(diff)
	}
}

// TestExpire: what the age limit takes away is a gap to who still needs it (L12).
func TestExpire(t *testing.T) {
	log := memlog.New(memlog.Config{})
	if _, err := log.Append(t.Context(), []events.Record{click("1"), click("2"), click("3")}); err != nil {
		t.Fatal(err)
	}
	log.Expire(3)
	info, err := log.Info(t.Context())
	if err != nil || info.First != 3 || info.Last != 3 {
		t.Errorf("Info = %+v, %v, want first and last 3", info, err)
	}
	var got []string
	if err := log.Read(t.Context(), events.Range{}, func(m events.Message) error {
		got = append(got, string(m.Data))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, []string{"3"}); diff != "" {
		t.Error(diff)
	}
	err = log.Follow(t.Context(), 2, func(events.Message) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "expected sequence 2, found 3") {
		t.Errorf("Follow = %v, want the gap named", err)
	}
	log.Expire(100)
	if pos, err := log.Append(t.Context(), []events.Record{{Subject: click("").Subject, Data: []byte("4"), Fenced: true}}); err != nil || pos.Seq != 4 {
		t.Errorf("Append after all expired = %v, %v, want sequence 4", pos, err)
	}
	if info, err := log.Info(t.Context()); err != nil || info.First != 4 || info.Last != 4 {
		t.Errorf("Info = %+v, %v, want first and last 4", info, err)
	}
}
