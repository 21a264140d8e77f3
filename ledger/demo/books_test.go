package demo

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// TestHoldsAsTheLedger compares the demo's rule of who holds a notification with
// the ledger's, for every set of facts.
func TestHoldsAsTheLedger(t *testing.T) {
	bits := [facts]ledger.Facts{ledger.Sent, ledger.Delivered, ledger.Shown, ledger.Clicked, ledger.Cleared, ledger.Failed}
	for had := range uint8(1 << facts) {
		var f ledger.Facts
		for i, bit := range bits {
			if had&(1<<i) != 0 {
				f |= bit
			}
		}
		if holds(had) != f.Held() || certain(had) != (f.Standing() == ledger.Displayed) {
			t.Errorf("%v: holds %t, certain %t; the ledger says %q", names(had), holds(had), certain(had), f.Standing().Certainty())
		}
	}
}

// TestReplayedBooks checks that books made anew from the receipts are the books
// that were kept.
func TestReplayedBooks(t *testing.T) {
	c := newCampaign(5, 3000)
	kept := newBooks(c)
	const recall = events.Seq(10_000)
	seq := recall - events.Seq(c.cut)
	for i := range c.packets {
		if i == c.cut {
			kept.accept(recall)
			seq = recall + 1
		}
		kept.receipts[i] = receipt{seq, int64(i)}
		kept.enter(i)
		seq++
	}
	again := newBooks(c)
	again.receipts = kept.receipts
	again.replay(recall)
	if !slices.Equal(kept.had, again.had) || !slices.Equal(kept.marks, again.marks) || !slices.Equal(kept.ended, again.ended) {
		t.Error("the replayed books are not those that were kept")
	}
	var marks [3]int
	for _, m := range kept.marks {
		marks[m]++
	}
	if marks[planned] == 0 || marks[late] == 0 {
		t.Errorf("%d planned and %d late; the campaign needs both", marks[planned], marks[late])
	}
}

// TestReceiptsSurvive checks that the books find their receipts again.
func TestReceiptsSurvive(t *testing.T) {
	p, b := tryPlay(t), newBooks(newCampaign(1, 1000))
	for _, r := range [][3]int{{0, 5, 70}, {5, 6, 72}, {9, 12, 90}} {
		if err := p.receipt(r[0], r[1], events.Seq(r[2])); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(p.dir, fileReceipts)
	j, err := openJournal(name, b.remember)
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	if !slices.Equal(b.receipts, p.books.receipts) {
		t.Errorf("read %v, wrote %v", b.receipts[:12], p.books.receipts[:12])
	}
}

// TestJournalCutOff checks that an entry that was only half written is dropped,
// wherever it was cut, and that damage is not passed over.
func TestJournalCutOff(t *testing.T) {
	name := filepath.Join(t.TempDir(), "journal")
	entries := []string{"first", "", "third entry"}
	j, err := openJournal(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := j.add(func(b []byte) []byte { return append(b, e...) }); err != nil {
			t.Fatal(err)
		}
	}
	j.close()
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for size := range len(whole) + 1 {
		if err := os.WriteFile(name, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		var got []string
		read := func(b []byte) error {
			got = append(got, string(b))
			return nil
		}
		j, err := openJournal(name, read)
		if err != nil {
			t.Fatalf("cut to %d bytes: %v", size, err)
		}
		if err := j.add(func(b []byte) []byte { return append(b, "new"...) }); err != nil {
			t.Fatal(err)
		}
		j.close()
		want := append(slices.Clone(entries[:len(got)]), "new")
		got = nil
		if j, err = openJournal(name, read); err != nil {
			t.Fatal(err)
		}
		j.close()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("cut to %d bytes (-want +got):\n%s", size, diff)
		}
	}
	binary.LittleEndian.PutUint32(whole, maxEntry+1)
	if err := os.WriteFile(name, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openJournal(name, func([]byte) error { return nil }); err == nil {
		t.Error("a damaged journal was read")
	}
	if err := os.WriteFile(name, []byte{1, 0, 0, 0, 'x'}, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openJournal(name, func([]byte) error { return errDamaged }); !errors.Is(err, errDamaged) {
		t.Errorf("an entry nobody understands: %v", err)
	}
}
