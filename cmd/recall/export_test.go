package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/ledger/export"
)

// tableRows reads a table by the Parquet reader.
func tableRows[T any](t *testing.T, dir string, table export.Table) []T {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, string(table), "date=*", "channel=*", "*.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	var list []T
	for _, p := range paths {
		rows, err := parquet.ReadFile[T](p)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, rows...)
	}
	return list
}

// serving runs a ledger until the test ends and returns a client of it.
func serving(t *testing.T) *api.Client {
	t.Helper()
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "serve", "-q", "--listen", address, "--data", t.TempDir())
	cmd.Args[0] = "recall"
	var told bytes.Buffer
	cmd.Stderr = &told
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		signalTo(t, cmd.Process)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, told.String())
		}
	})
	t.Setenv("RECALL_API", "http://"+address)
	recall(t, "ready", "--wait", "30s")
	client, err := api.NewClient(api.ClientConfig{URL: "http://" + address})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// recall runs a command of ours, which must succeed.
func recall(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(args, &bytes.Buffer{}, &out, &errs); code != 0 {
		t.Fatalf("recall %v: code %d\n%s%s", args, code, out.String(), errs.String())
	}
	return out.String()
}

// TestExportAnswers exports the README's session, asks the tables the three
// questions of ledger/export/README.md, and the ledger itself what it shows of them.
func TestExportAnswers(t *testing.T) {
	client := serving(t)
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "events.ndjson")
	if err := os.WriteFile(file, []byte(block(t, string(text), "json")), 0o600); err != nil {
		t.Fatal(err)
	}
	recall(t, "publish", "-f", file, "-q")
	recall(t, "create", "flash-sale", "--action", "recall", "--yes", "--watch", "-q")
	out := filepath.Join(dir, "tables")
	recall(t, "export", "--out", out, "-q")

	// Who still holds it, and how sure is that?
	want, got := map[string]int{}, map[string]int{}
	if err := client.Holders(t.Context(), "flash-sale", api.HoldersOptions{}, func(h api.Holder) error {
		want[h.Channel+" "+h.Certainty]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	clicked := map[string]uint32{}
	for _, n := range tableRows[export.Notification](t, out, export.Notifications) {
		if n.Holder != "no" {
			got[n.Channel+" "+n.Holder]++
		}
		if !n.ClickedAt.IsZero() {
			clicked[n.Channel]++
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) != 3 {
		t.Errorf("holders: %v %s", want, diff)
	}

	// What came of the recall?
	recalls, err := client.Recalls(t.Context(), api.ListOptions{})
	if err != nil || len(recalls.Recalls) != 1 {
		t.Fatal(recalls, err)
	}
	r := recalls.Recalls[0]
	figures := func(v ...any) string { return fmt.Sprint(v...) }
	told, shown := map[string]string{}, map[string]string{}
	for _, c := range r.Channels {
		told[c.Channel] = figures(c.Planned+c.Late, " ", c.Accepted, " ", c.Confirmed, " ", c.Skipped, " ", c.Unsupported, " ", c.Refused)
	}
	for _, c := range tableRows[export.Recall](t, out, export.Recalls) {
		shown[c.Channel] = figures(c.Commanded, " ", c.Accepted, " ", c.Confirmed, " ", c.Skipped, " ", c.Unsupported, " ", c.Refused)
		if c.Recall != r.Recall || c.State != string(r.State) {
			t.Errorf("%+v, want %+v", c, r)
		}
	}
	if diff := cmp.Diff(told, shown); diff != "" || len(told) != 2 {
		t.Errorf("recall: %v %s", told, diff)
	}

	// How many have clicked, by channel?
	clicks := 0
	for _, e := range tableRows[export.Event](t, out, export.Events) {
		if e.Kind == "click.clicked" {
			clicks++
		}
	}
	push, err := client.Push(t.Context(), "flash-sale", api.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range push.Channels {
		if c.Funnel["clicked"] != clicked[c.Channel] {
			t.Errorf("clicked on %s: %d, the tables say %d", c.Channel, c.Funnel["clicked"], clicked[c.Channel])
		}
	}
	if clicked["selfbuilt"] != 1 || clicks != 1 {
		t.Errorf("clicked: %v, %d events", clicked, clicks)
	}
}
