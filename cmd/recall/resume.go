package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/recall-ledger/recall-ledger/events"
)

// headBytes is how much of a file tells it from another of the same name.
const headBytes = 64 << 10

// progressSuffix names the file beside a published file that says how far it is.
const progressSuffix = ".recall-progress"

// progressState says how much of a file is published. It is written after a
// chunk was acknowledged, so it never claims more than what is durable; after
// a crash in between a chunk is sent twice, which changes nothing.
type progressState struct {
	Size int64 `json:"size"`
	// Head is the hash of the first HeadBytes bytes.
	HeadBytes int64  `json:"head_bytes"`
	Head      string `json:"head_sha256"`
	// Target tells ledgers and credentials apart, as a hash: what one has
	// taken, another has not.
	Target string `json:"target"`
	// Offset and Line are where to go on.
	Offset   int64            `json:"offset"`
	Line     int64            `json:"line"`
	Accepted int64            `json:"accepted"`
	Refused  int64            `json:"refused"`
	Position events.Positions `json:"position"`
}

// target tells where to something is published.
func (o *globalOptions) target() string {
	sum := sha256.Sum256([]byte(o.api + "\n" + o.app + "\n" + o.token))
	return hex.EncodeToString(sum[:8])
}

// newProgress describes a file of which nothing is published yet.
func newProgress(f *os.File, target string) (*progressState, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	s := &progressState{Size: info.Size(), HeadBytes: min(info.Size(), headBytes), Target: target}
	s.Head, err = hashHead(f, s.HeadBytes)
	return s, err
}

func hashHead(f *os.File, n int64) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, n)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// readProgress returns how far the file was published before, nil when there is
// nothing to go on from, with why. A file that has grown is gone on with.
func readProgress(f *os.File, path, target string) (s *progressState, why string, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("read the progress of an earlier run: %w", err)
	}
	s = &progressState{}
	if damaged := json.Unmarshal(b, s); damaged != nil || s.Head == "" {
		return nil, path + " is damaged", nil //nolint:nilerr // the file is begun again, which is always right
	}
	if s.Target != target {
		return nil, "the earlier run published to another ledger, or for another app", nil
	}
	info, err := f.Stat()
	if err != nil {
		return nil, "", err
	}
	if s.HeadBytes < 0 || s.HeadBytes > headBytes || s.Offset < 0 || s.Line < 0 || info.Size() < s.Size || s.Offset > s.Size {
		return nil, "the file is not the one of the earlier run", nil
	}
	head, err := hashHead(f, s.HeadBytes)
	if err != nil {
		return nil, "", err
	}
	if head != s.Head || !lineStart(f, s.Offset, info.Size()) {
		return nil, "the file is not the one of the earlier run", nil
	}
	s.Size = info.Size()
	s.HeadBytes = min(info.Size(), headBytes)
	s.Head, err = hashHead(f, s.HeadBytes)
	return s, "", err
}

// lineStart reports whether a line begins at the offset, or the file ends there.
func lineStart(f *os.File, offset, size int64) bool {
	if offset == 0 || offset == size {
		return true
	}
	before := make([]byte, 1)
	_, err := f.ReadAt(before, offset-1)
	return err == nil && before[0] == '\n'
}

// write replaces the progress file: a crash leaves the one before or this one.
func (s *progressState) write(path string) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
