package node

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

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
