package export

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// partition is the folder of a row within its table.
type partition struct {
	day     string
	channel string
}

func partitionOf(t time.Time, channel string) partition {
	return partition{t.UTC().Format(time.DateOnly), channel}
}

// tmpSuffix marks files that are being written.
const tmpSuffix = ".tmp"

// path is where a file of a partition belongs, in the form that DuckDB and
// others read as columns.
func (p partition) path(dir string, t Table, name string, f Format) string {
	return filepath.Join(dir, string(t), "date="+p.day, "channel="+p.channel, name+"."+string(f))
}

// writeFile replaces a file: whoever reads finds the one before or the whole new
// one, also after a crash.
func writeFile(path string, fill func(*os.File) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(path+tmpSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

// writeRows writes the rows of a partition as one file.
func writeRows[T any](path string, f Format, list []T) error {
	if err := writeFile(path, func(file *os.File) error { return write(file, f, list) }); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// sweep removes what an export that was killed left half written, and every
// file of the tables that is not to be kept.
func sweep(dir string, keep func(path string) bool) error {
	for _, t := range Tables() {
		err := filepath.WalkDir(filepath.Join(dir, string(t)), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || d.IsDir() {
				return err
			}
			if strings.HasSuffix(path, tmpSuffix) || !keep(path) {
				return os.Remove(path)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
