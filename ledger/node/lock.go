package node

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// ErrLocked is a data folder that another node uses.
var ErrLocked = errors.New("the data folder is in use")

// lock takes the data folder for this process. The NATS server does not lock
// its own folder: two servers on it would ruin the log. The lock ends with the
// process, however it ends.
func lock(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner := make([]byte, 20)
		n, _ := f.Read(owner) // the owner's process id is a courtesy
		f.Close()
		return nil, fmt.Errorf("%w: %s belongs to the running node with process id %s; stop it, or use another --data",
			ErrLocked, dir, strings.TrimSpace(string(owner[:n])))
	}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// secret reads the node's device secret, making it at the first start. It is
// written under another name first, so that a crash leaves none or a whole one.
func secret(dir string) ([]byte, error) {
	name := filepath.Join(dir, "device.secret")
	b, err := os.ReadFile(name)
	if err == nil && len(b) >= secretBytes {
		return b, nil
	}
	if err == nil {
		return nil, fmt.Errorf("%s holds %d bytes, at least %d are needed; restore it, or delete it and give every device a new credential", name, len(b), secretBytes)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	b = make([]byte, secretBytes)
	rand.Read(b)
	f, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return b, os.Rename(name+".new", name)
}

const secretBytes = 32
