package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// unsyncedMark is the file that says that a folder holds what may not be on disk.
const unsyncedMark = "unsynced"

// ErrUnsynced is a folder whose server synced nothing and that Sync did not finish.
var ErrUnsynced = errors.New("what was written to it may not be on disk: remove it and begin again")

// checkSynced refuses a folder that may not be on disk. With SyncLater it marks the
// folder as one before anything is written: a crash leaves the mark, whatever else
// it leaves.
func checkSynced(c Config) error {
	mark := filepath.Join(c.Dir, unsyncedMark)
	if !c.SyncLater {
		_, err := os.Stat(mark)
		switch {
		case err == nil:
			return ErrUnsynced
		case errors.Is(err, fs.ErrNotExist):
			return nil
		}
		return err
	}
	// What was acknowledged with every write synced must stay so (L1).
	k := kept{store: filepath.Join(c.Dir, storeFolder)}
	switch streams, err := k.streams(k.store); {
	case err != nil:
		return err
	case len(streams) > 0:
		return fmt.Errorf("it holds %d streams, and only a folder without any may be synced later", len(streams))
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		return err
	}
	return errors.Join(syncFile(mark), syncFile(c.Dir))
}

// Sync brings all that a server with Config.SyncLater wrote to disk, after its Stop.
// Until it returns nil, Start refuses the folder without SyncLater.
func Sync(dir string) error {
	mark := filepath.Join(dir, unsyncedMark)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == mark || !d.IsDir() && !d.Type().IsRegular() {
			return err
		}
		return syncFile(path)
	})
	if err == nil {
		// A crash before this leaves a folder that is refused, one after it a whole one.
		err = os.Remove(mark)
	}
	if err == nil {
		err = syncFile(dir)
	}
	if err != nil {
		return fmt.Errorf("bring %s to disk: %w", dir, err)
	}
	return nil
}

// syncFile fsyncs a file, or the names in a folder.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
