package export

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
)

// storyIn is the story in a partition, of other pushes.
func storyIn(t *testing.T, partition int) []Entry {
	t.Helper()
	list := story(t)
	for i := range list {
		e := *list[i].Event
		e.Push = events.Position{Partition: partition}.String() + e.Push
		list[i].Event, list[i].Position.Partition = &e, partition
	}
	return list
}

// TestPartitions: the partitions of a ledger go into one folder, each with its
// manifest, and an export of them that is cut off in any of them ends with the same
// files as one that is not.
func TestPartitions(t *testing.T) {
	const partitions = 3
	whole := t.TempDir()
	exportIn := func(dir string, partition int, list []Entry) Manifest {
		c := config(dir, NDJSON)
		c.Partition = partition
		return export(t, c, list)
	}
	for i := range partitions {
		list := storyIn(t, i)
		m := exportIn(whole, i, list)
		if m.Next != (events.Position{Partition: i, Seq: 19}) || m.Events != 18 || m.Rows[Notifications] != 5 || m.Rows[Recalls] != 2 {
			t.Errorf("partition %d: %+v", i, m)
		}
	}
	want := files(t, whole)
	for _, name := range []string{"export.json", "export-1.json", "export-2.json", "recalls/date=2026-11-19/channel=apns/part-2.ndjson"} {
		if want[name] == "" {
			t.Errorf("there is no %s among %v", name, slices.Sorted(maps.Keys(want)))
		}
	}
	for stopped := range partitions {
		for _, cut := range []int{7} {
			dir := t.TempDir()
			for i := range stopped {
				exportIn(dir, i, storyIn(t, i))
			}
			c := config(dir, NDJSON)
			c.Partition = stopped
			x, err := Open(c)
			if err != nil {
				t.Fatal(err)
			}
			take(t, x, storyIn(t, stopped)[:cut])
			for i := range partitions {
				exportIn(dir, i, storyIn(t, i))
			}
			if diff := cmp.Diff(want, files(t, dir)); diff != "" {
				t.Errorf("cut off in partition %d after %d: %s", stopped, cut, diff)
			}
		}
	}
}

// TestPartitionsAlike: a partition is not added to a folder of something else, and
// nothing is changed by trying.
func TestPartitionsAlike(t *testing.T) {
	dir := t.TempDir()
	export(t, config(dir, NDJSON), story(t))
	before := files(t, dir)
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"source":    {func(c *Config) { c.Source = "log-2" }, "another log"},
		"selection": {func(c *Config) { c.Selection = "push=x" }, "another selection"},
		"format":    {func(c *Config) { c.Format = CSV }, "format ndjson"},
	} {
		config := config(dir, NDJSON)
		config.Partition = 1
		c.change(&config)
		var other *OtherError
		if _, err := Open(config); !errors.As(err, &other) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	// Another app's events are recognized though the partition had none so far.
	c := config(dir, NDJSON)
	c.Partition = 1
	x, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	foreign := *storyIn(t, 1)[0].Event
	foreign.App = "bank"
	var other *OtherError
	if err := x.Take(Entry{Position: events.Position{Partition: 1, Seq: 1}, Event: &foreign}); !errors.As(err, &other) {
		t.Errorf("another app's event: %v", err)
	}
	if diff := cmp.Diff(before, files(t, dir)); diff != "" {
		t.Error(diff)
	}
	// A file that only looks like a manifest is somebody else's, and a damaged
	// manifest of any partition is told.
	if err := os.WriteFile(filepath.Join(dir, "export-01.json"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(c); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "export-2.json"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(c); err == nil || !strings.Contains(err.Error(), "export-2.json is damaged") {
		t.Errorf("a damaged manifest: %v", err)
	}
}
