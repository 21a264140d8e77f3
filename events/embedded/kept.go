package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nats-io/nats-server/v2/server"
)

// kept protects the streams on disk while the server starts. A server that cannot
// read the files of a stream says so in its log alone, leaves the stream out and
// deletes the files: one damaged bit in a compressed block, found after an unclean
// stop, deletes the whole log (measured, nats-server 2.15.2: addStream stops a
// stream whose store fails with its delete flag). The log is never deleted (L12),
// so every file gets a second name until the server has recovered its stream.
//
// After a start that failed the second names stay. They are not given back by
// themselves: the server would delete the files again, and may still be at it.
type kept struct{ store, shadow string }

// The server's folder in the store, and where the second names are.
const (
	storeFolder = "jetstream"
	keptFolder  = "kept"
)

// keep gives all files of all streams a second name, unless an earlier start lost
// a stream.
func keep(dir string) (*kept, error) {
	k := &kept{filepath.Join(dir, storeFolder), filepath.Join(dir, keptFolder)}
	before, err := k.streams(k.shadow)
	if err != nil {
		return nil, err
	}
	for _, stream := range before {
		if _, err := os.Stat(filepath.Join(k.store, stream, server.JetStreamMetaFile)); errors.Is(err, fs.ErrNotExist) {
			return nil, k.lost(stream, "an earlier start could not recover it")
		}
	}
	now, err := k.streams(k.store)
	if err != nil {
		return nil, err
	}
	for _, stream := range now {
		if err := link(filepath.Join(k.store, stream), filepath.Join(k.shadow, stream)); err != nil {
			return nil, fmt.Errorf("keep the files of stream %s: %w", filepath.Base(stream), err)
		}
	}
	return k, nil
}

// release drops the second names.
func (k *kept) release() error { return os.RemoveAll(k.shadow) }

// lost says what became of a stream and what can be done.
func (k *kept) lost(stream, why string) error {
	have, want := filepath.Join(k.shadow, stream), filepath.Join(k.store, stream)
	return fmt.Errorf("the NATS server lost stream %s: %s. All its files are kept in %s. Check the disk. "+
		"If they are whole, move that folder to %s (make the folders above it if they are gone); otherwise move it away and restore the stream from a backup", filepath.Base(stream), why, have, want)
}

// streams returns the folders of the streams below a root, relative to it.
func (k *kept) streams(root string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(root, "*", "streams", "*", server.JetStreamMetaFile))
	if err != nil {
		return nil, err
	}
	var folders []string
	for _, f := range files {
		folder, err := filepath.Rel(root, filepath.Dir(f))
		if err != nil {
			return nil, err
		}
		folders = append(folders, folder)
	}
	return folders, nil
}

// index is a file that the server makes anew when it is missing, and writes over.
const index = "index.db"

// link gives every file below a folder a name below another one. Names that are
// there stay. The file that makes the folder a stream comes last.
func link(from, to string) error {
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		case d.Name() == index || name == server.JetStreamMetaFile || !d.Type().IsRegular():
			return nil
		}
		return linkFile(path, filepath.Join(to, name))
	})
	if err != nil {
		return err
	}
	return linkFile(filepath.Join(from, server.JetStreamMetaFile), filepath.Join(to, server.JetStreamMetaFile))
}

func linkFile(from, to string) error {
	if err := os.Link(from, to); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// check compares what was there before the start with the streams the server has.
func (s *Server) check(k *kept) error {
	before, err := k.streams(k.shadow)
	if err != nil {
		return err
	}
	j, err := s.srv.Jsz(&server.JSzOptions{Accounts: true, Streams: true})
	if err != nil {
		return err
	}
	recovered := map[string]bool{}
	for _, a := range j.AccountDetails {
		for _, st := range a.Streams {
			recovered[st.Name] = true
		}
	}
	for _, stream := range before {
		if !recovered[filepath.Base(stream)] {
			return k.lost(stream, s.log.warning())
		}
	}
	return nil
}
