package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/recall-ledger/recall-ledger/events"
)

// manifestName is the file that says what an export holds of the first partition.
const manifestName = "export.json"

// manifestOf is the file that says what an export holds of a partition.
func manifestOf(partition int) string {
	if partition == 0 {
		return manifestName
	}
	return fmt.Sprintf("export-%d.json", partition)
}

// Manifest says what an export holds of a partition and how far it is. It is
// written after the files it speaks of.
type Manifest struct {
	Version int     `json:"version"`
	Format  Format  `json:"format"`
	Tables  []Table `json:"tables"`
	// Source identifies the log, Selection what of it is exported, as asked for.
	Source    string `json:"source"`
	Selection string `json:"selection"`
	// App is the tenant, "" until the first event.
	App string `json:"app"`
	// From is where the range begins, To where it ends; zero while that is open.
	From events.Position `json:"from,omitzero"`
	To   events.Position `json:"to,omitzero"`
	// Next is where the table of events goes on.
	Next events.Position `json:"next,omitzero"`
	// State is up to where notifications and recalls are told.
	State events.Position `json:"state,omitzero"`
	// Rows counts the rows of each table, Events the events, Unreadable those
	// among the range that could not be read.
	Rows       map[Table]int64 `json:"rows"`
	Events     int64           `json:"events"`
	Unreadable int64           `json:"unreadable"`
	// Done is true when everything of the range up to Next is exported.
	Done bool `json:"done"`
}

// manifestVersion is the version of the folder's form.
const manifestVersion = 1

// OtherError is a folder that holds another export.
type OtherError struct{ Dir, What string }

func (e *OtherError) Error() string {
	return fmt.Sprintf("%s holds an export of %s; name another folder, or delete it", e.Dir, e.What)
}

// readManifests reads the manifests of a folder by their names.
func readManifests(dir string) (map[string]*Manifest, error) {
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	all := map[string]*Manifest{}
	for _, file := range list {
		name, n := file.Name(), 0
		if _, err := fmt.Sscanf(name, "export-%d.json", &n); name != manifestName && (err != nil || name != manifestOf(n)) {
			continue
		}
		if all[name], err = readManifest(dir, name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// readManifest reads a manifest of a folder, nil when there is none.
func readManifest(dir, name string) (*Manifest, error) {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m := &Manifest{}
	if err := json.Unmarshal(b, m); err != nil || m.Version != manifestVersion || m.Rows == nil {
		return nil, fmt.Errorf("%s is damaged or of another version; delete the folder %s and export again", name, dir)
	}
	return m, nil
}

// same reports what an earlier export has otherwise.
func (m *Manifest) same(dir string, c *Config) error {
	switch {
	case m.Source != c.Source:
		return &OtherError{dir, "another log"}
	case m.Selection != c.Selection:
		return &OtherError{dir, fmt.Sprintf("another selection (%s)", m.Selection)}
	case m.Format != c.Format:
		return &OtherError{dir, "format " + string(m.Format)}
	case !slices.Equal(m.Tables, c.Tables):
		return &OtherError{dir, fmt.Sprintf("the tables %v", m.Tables)}
	}
	return nil
}

func (m *Manifest) write(dir, name string) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, name), func(f *os.File) error {
		_, err := f.Write(append(b, '\n'))
		return err
	}); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
