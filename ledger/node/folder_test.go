package node

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFolder: what is where in a data folder is found, and nothing else is taken for a
// projection; only one process has the folder.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	f := Folder(dir)
	if err := f.CheckLock(); err != nil {
		t.Errorf("a folder that nobody used: %v", err)
	}
	for _, name := range []string{"projection", "projection-1", "projection-12", "projections", "log", "replay-1"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	got, err := f.Projections()
	want := []string{f.Projection(0), f.Projection(1), f.Projection(12)}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	lock, err := f.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Lock(); !errors.Is(err, ErrLocked) {
		t.Errorf("a second lock: %v", err)
	}
	if err := f.CheckLock(); !errors.Is(err, ErrLocked) {
		t.Errorf("a look at the lock: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.CheckLock(); err != nil {
		t.Errorf("given back: %v", err)
	}
	if _, err := Folder(filepath.Join(dir, "none")).Lock(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}
