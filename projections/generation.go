package projections

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/recall-ledger/recall-ledger/events"
)

// generations are the stores of one projection on disk. Generation 1 is the
// folder itself, as it was before there were others; generation n stands in it in
// gen-00000n. The file GENERATIONS names the live one and the one that is kept
// beside it; without it generation 1 is live. It is replaced by a rename, so that
// a crash leaves the one before or the one after, and both name complete stores.
// Whatever else is there is of a rebuild that did not end, and is deleted.
type generations struct {
	fs  vfs.FS
	dir string
}

const (
	// stateFile is not called CURRENT: that is a file of the store's own, whose
	// folder generation 1 is.
	stateFile        = "GENERATIONS"
	generationPrefix = "gen-"
	// maxState bounds what is read of it, in bytes.
	maxState = 4096
)

// state is what the file says.
type state struct {
	Live uint64 `json:"live"`
	Kept *Kept  `json:"kept,omitempty"`
}

// Kept is a generation that is kept beside the live one until it is dropped: the
// one that was live before, or a new one that differs and was not taken.
type Kept struct {
	Generation uint64 `json:"generation"`
	// Applied is where it stopped.
	Applied events.Position `json:"applied"`
	// Digest is what was compared, "" where it could not be read.
	Digest string `json:"sha256,omitempty"`
}

// path returns the folder of a generation.
func (g generations) path(no uint64) string {
	if no == 1 {
		return g.dir
	}
	return g.fs.PathJoin(g.dir, fmt.Sprintf("%s%06d", generationPrefix, no))
}

// number returns the generation a folder's name stands for, 0 when it is none.
func (g generations) number(name string) uint64 {
	digits, found := strings.CutPrefix(name, generationPrefix)
	no, err := strconv.ParseUint(digits, 10, 64)
	if !found || err != nil || no < 2 || g.path(no) != g.fs.PathJoin(g.dir, name) {
		return 0
	}
	return no
}

// read returns what the file says.
func (g generations) read() (state, error) {
	var s state
	f, err := g.fs.Open(g.fs.PathJoin(g.dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return state{Live: 1}, nil
	}
	if err != nil {
		return s, storeError("open "+stateFile, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxState))
	if err != nil {
		return s, storeError("read "+stateFile, err)
	}
	if err := json.Unmarshal(b, &s); err != nil || s.Live == 0 || s.Kept != nil && (s.Kept.Generation == 0 || s.Kept.Generation == s.Live) {
		return s, storeError("read "+stateFile, errors.New("it does not name a generation"))
	}
	if _, err := g.fs.Stat(g.path(s.Live)); err != nil {
		return s, storeError(fmt.Sprintf("look for generation %d", s.Live), err)
	}
	return s, nil
}

// write replaces the file. With an error that is uncertain what was written may
// be what counts after the next start.
func (g generations) write(s state) (uncertain bool, err error) {
	b, err := json.Marshal(s)
	if err != nil { // plain fields always marshal
		panic(err)
	}
	name := g.fs.PathJoin(g.dir, stateFile)
	// A crash up to the rename leaves the file as it was, and one of this name
	// that the next write replaces.
	f, err := g.fs.Create(name+".new", vfs.WriteCategoryUnspecified)
	if err != nil {
		return false, storeError("write "+stateFile, err)
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return false, storeError("write "+stateFile, err)
	}
	// A crash from here on leaves the old one or the new one.
	if err := g.fs.Rename(name+".new", name); err != nil {
		return true, storeError("write "+stateFile, err)
	}
	d, err := g.fs.OpenDir(g.dir)
	if err == nil {
		err = errors.Join(d.Sync(), d.Close())
	}
	if err != nil {
		return true, storeError("write "+stateFile, err)
	}
	return false, nil
}

// clean deletes what is neither live nor kept, and returns what the file says.
func (g generations) clean() (state, error) {
	s, err := g.read()
	if err != nil {
		return s, err
	}
	names, err := g.fs.List(g.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, storeError("list "+g.dir, err)
	}
	if s.Live == 1 && g.firstIsGone(names) {
		return s, storeError("look for generation 1", errors.New("there are only later ones, and "+stateFile+" names none of them"))
	}
	named := func(no uint64) bool { return no == s.Live || s.Kept != nil && no == s.Kept.Generation }
	for _, name := range names {
		no := g.number(name)
		if no == 0 {
			no = 1
		}
		if named(no) || name == stateFile {
			continue
		}
		if err := g.fs.RemoveAll(g.fs.PathJoin(g.dir, name)); err != nil {
			return s, storeError("delete "+name, err)
		}
	}
	return s, nil
}

// firstIsGone reports whether there are generations, but not the first: it is there
// before any other is begun, and goes only once another is live.
func (g generations) firstIsGone(names []string) bool {
	later := false
	for _, name := range names {
		switch {
		case g.number(name) != 0:
			later = true
		case !strings.HasPrefix(name, stateFile):
			return false
		}
	}
	return later
}

// bytes is what a generation takes on disk.
func (g generations) bytes(no uint64) (uint64, error) {
	names, err := g.fs.List(g.path(no))
	if err != nil {
		return 0, storeError("list "+g.path(no), err)
	}
	var sum uint64
	for _, name := range names {
		if no == 1 && (g.number(name) != 0 || name == stateFile) {
			continue
		}
		info, err := g.fs.Stat(g.fs.PathJoin(g.path(no), name))
		switch {
		case errors.Is(err, fs.ErrNotExist): // the store deletes files as it goes
		case err != nil:
			return 0, storeError("look at "+name, err)
		case !info.IsDir():
			sum += uint64(info.Size())
		}
	}
	return sum, nil
}

// Generation is one store of a projection.
type Generation struct {
	Generation uint64 `json:"generation"`
	// State is live; old, which was live before; or differs, which was built and
	// not taken.
	State   string          `json:"state"`
	Applied events.Position `json:"applied"`
	Digest  string          `json:"sha256,omitempty"`
	Bytes   uint64          `json:"bytes"`
}

// The states of a generation.
const (
	GenerationLive    = "live"
	GenerationOld     = "old"
	GenerationDiffers = "differs"
)

// Generations lists the stores, the live one first.
func (p *Projection) Generations() ([]Generation, error) {
	p.mu.RLock()
	list := []Generation{{Generation: p.live, State: GenerationLive, Applied: p.appliedLocked()}}
	p.mu.RUnlock()
	s, err := p.generations.read()
	if err != nil {
		return nil, err
	}
	if k := s.Kept; k != nil {
		list = append(list, Generation{Generation: k.Generation, State: k.state(s.Live), Applied: k.Applied, Digest: k.Digest})
	}
	for i := range list {
		if list[i].Bytes, err = p.generations.bytes(list[i].Generation); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (k *Kept) state(live uint64) string {
	if k.Generation > live {
		return GenerationDiffers
	}
	return GenerationOld
}

// DropOld deletes the generation that is kept beside the live one and reports
// whether there was one. Errors: ErrRebuilding.
func (p *Projection) DropOld() (bool, error) {
	if !p.rebuilding.TryLock() {
		return false, ErrRebuilding
	}
	defer p.rebuilding.Unlock()
	return p.dropKept()
}

// dropKept deletes what is kept. rebuilding is held.
func (p *Projection) dropKept() (bool, error) {
	if p.stuck != nil {
		return false, p.stuck
	}
	s, err := p.generations.read()
	if err != nil || s.Kept == nil {
		return false, err
	}
	s.Kept = nil
	// Once this is written the next start deletes what a crash leaves of it.
	if uncertain, err := p.generations.write(s); err != nil {
		if uncertain {
			p.stuck = err
		}
		return false, err
	}
	_, err = p.generations.clean()
	return err == nil, err
}

// CopyLive copies the live generation of a projection that nobody has open into a
// folder that is not there, to be opened like any projection.
func CopyLive(from, to string) error {
	g := generations{vfs.Default, from}
	s, err := g.read()
	if err != nil {
		return err
	}
	_, err = vfs.Clone(g.fs, g.fs, g.path(s.Live), to, vfs.CloneSkip(func(path string) bool {
		name := g.fs.PathBase(path)
		return name == stateFile || g.number(name) != 0
	}))
	if err != nil {
		return fmt.Errorf("copy the projection: %w", err)
	}
	return nil
}
