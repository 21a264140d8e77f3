package demo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// journal is a file that only grows. An entry is written before anything follows
// from it, so a demo that is killed finds all that happened; the operating system
// keeps what was written when a process ends, however it ends.
type journal struct {
	mu   sync.Mutex
	file *os.File
	buf  []byte
}

// maxEntry bounds one entry; a longer one in the file is damage.
const maxEntry = 1 << 16

// openJournal reads a journal, telling every entry, and opens it for more. An
// entry cut off at the end was never acted upon, and is removed.
func openJournal(name string, entry func([]byte) error) (*journal, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	good, err := readJournal(f, entry)
	if err == nil {
		err = f.Truncate(good)
	}
	if err == nil {
		_, err = f.Seek(good, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", name, err), f.Close())
	}
	return &journal{file: f}, nil
}

// readJournal returns how many bytes of whole entries there are.
func readJournal(f *os.File, entry func([]byte) error) (int64, error) {
	b, err := io.ReadAll(f)
	if err != nil {
		return 0, err
	}
	good := int64(0)
	for {
		rest := b[good:]
		if len(rest) < 4 {
			return good, nil
		}
		n := int64(binary.LittleEndian.Uint32(rest))
		if n > maxEntry {
			return good, fmt.Errorf("an entry at byte %d says that it is %d bytes long", good, n)
		}
		if int64(len(rest)) < 4+n {
			return good, nil
		}
		if err := entry(rest[4 : 4+n]); err != nil {
			return good, fmt.Errorf("the entry at byte %d: %w", good, err)
		}
		good += 4 + n
	}
}

// add writes one entry; write appends it to a buffer.
func (j *journal) add(write func([]byte) []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	b := write(append(j.buf[:0], 0, 0, 0, 0))
	binary.LittleEndian.PutUint32(b, uint32(len(b)-4))
	j.buf = b
	_, err := j.file.Write(b)
	return err
}

func (j *journal) close() error { return j.file.Close() }
