package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Folder is the path of a node's data folder, and says what is where in it, to who
// works on it while the node is stopped.
type Folder string

// Log is the folder of the log, where the node has a server of its own.
func (f Folder) Log() string { return filepath.Join(string(f), "log") }

// projectionName is the name of the first partition's projection, and what those of the
// others begin with.
const projectionName = "projection"

// Projection is the folder of a partition's projection.
func (f Folder) Projection(partition int) string {
	name := projectionName
	if partition > 0 {
		name += "-" + strconv.Itoa(partition)
	}
	return filepath.Join(string(f), name)
}

// Projections are the folders of projections that are there, sorted.
func (f Folder) Projections() ([]string, error) {
	entries, err := os.ReadDir(string(f))
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		if name, ok := strings.CutPrefix(e.Name(), projectionName); ok && (name == "" || name[0] == '-') {
			list = append(list, filepath.Join(string(f), e.Name()))
		}
	}
	slices.Sort(list)
	return list, nil
}

// ErrLocked is a data folder that another process uses.
var ErrLocked = errors.New("the data folder is in use")

// Lock takes the folder, which must be there, for this process until the file is
// closed or the process ends, however it ends. The NATS server does not lock its own
// folder: two servers on it would ruin the log. Errors: ErrLocked.
func (f Folder) Lock() (*os.File, error) {
	l, err := os.OpenFile(f.lock(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if err := syscall.Flock(int(l.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner := make([]byte, 20)
		n, _ := l.Read(owner) // the owner's process id is a courtesy
		return nil, errors.Join(fmt.Errorf("%w: process %s works on %s; stop it first, or name another folder with --data",
			ErrLocked, strings.TrimSpace(string(owner[:n])), f), l.Close())
	}
	if err := l.Truncate(0); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if _, err := l.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// CheckLock returns ErrLocked while somebody has the folder. It changes nothing.
func (f Folder) CheckLock() error {
	l, err := os.Open(f.lock())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer l.Close()
	if syscall.Flock(int(l.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil {
		return fmt.Errorf("%w: a node runs on %s", ErrLocked, f)
	}
	return nil
}

func (f Folder) lock() string { return filepath.Join(string(f), "lock") }
