package projections

import "testing"

// TestCeiling: the yardstick keeps what it is given, so that its figures are of
// rows that are really there.
func TestCeiling(t *testing.T) {
	dir := t.TempDir()
	const rows = 2*ceilingBatch + 7
	for _, from := range []int{0, rows} {
		c, err := OpenCeiling(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Put(from, rows); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	c, err := OpenCeiling(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n, err := c.Scan(); err != nil || n != 2*rows {
		t.Errorf("Scan = %d, %v, want %d rows", n, err, 2*rows)
	}
	for i, want := range map[int]bool{0: true, rows: true, 2*rows - 1: true, 2 * rows: false} {
		if found, err := c.Get(i); err != nil || found != want {
			t.Errorf("Get(%d) = %v, %v, want %v", i, found, err, want)
		}
	}
	if c.DiskBytes() == 0 {
		t.Error("rows on disk take no room")
	}
}
