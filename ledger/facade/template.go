package facade

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/recall-ledger/recall-ledger/events"
)

// The limits of templates (L11).
const (
	MaxTemplates    = 1000 // for each app
	MaxTemplateName = 128
)

// Template is a text with placeholders that pushes name instead of carrying one.
type Template struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Body  string `json:"body"`
}

// Check reports the field that is wrong as a *events.FieldError.
func (t Template) Check() error {
	if err := events.CheckID("name", t.Name, MaxTemplateName); err != nil {
		return err
	}
	if t.Title == "" && t.Body == "" {
		return &events.FieldError{Field: "title", Reason: "and body are empty; a template has a text"}
	}
	if err := events.CheckText("title", t.Title, events.MaxTitle); err != nil {
		return err
	}
	return events.CheckText("body", t.Body, events.MaxBody)
}

// Templates are the message templates of all apps, in one file that is replaced
// as a whole. They are texts to send, not facts: changing one changes no push.
type Templates struct {
	file string

	mu   sync.RWMutex
	apps map[string]map[string]Template
}

// OpenTemplates opens the templates kept in a folder.
func OpenTemplates(dir string) (*Templates, error) {
	t := &Templates{file: filepath.Join(dir, "templates.json"), apps: map[string]map[string]Template{}}
	b, err := os.ReadFile(t.file)
	if errors.Is(err, os.ErrNotExist) {
		return t, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &t.apps)
	}
	if err != nil {
		return nil, fmt.Errorf("read the templates: %w; restore %s or delete it", err, t.file)
	}
	return t, nil
}

// Find returns an app's template.
func (t *Templates) Find(app, name string) (Template, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	v, ok := t.apps[app][name]
	return v, ok
}

// List returns an app's templates by name.
func (t *Templates) List(app string) []Template {
	t.mu.RLock()
	defer t.mu.RUnlock()
	list := make([]Template, 0, len(t.apps[app]))
	for _, v := range t.apps[app] {
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b Template) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Put adds or replaces an app's template.
func (t *Templates) Put(app string, v Template) error {
	if err := v.Check(); err != nil {
		return err
	}
	return t.change(app, v.Name, &v)
}

// Delete removes an app's template; it reports whether there was one.
func (t *Templates) Delete(app, name string) (bool, error) {
	if _, ok := t.Find(app, name); !ok {
		return false, nil
	}
	return true, t.change(app, name, nil)
}

// change writes the file with the change in it; only then does it hold.
func (t *Templates) change(app, name string, v *Template) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	changed := map[string]Template{}
	for k, old := range t.apps[app] {
		changed[k] = old
	}
	if delete(changed, name); v != nil {
		if len(changed) >= MaxTemplates {
			return &events.FieldError{Field: "name", Reason: fmt.Sprintf("the app has %d templates, the limit", MaxTemplates)}
		}
		changed[name] = *v
	}
	all := map[string]map[string]Template{}
	for k, old := range t.apps {
		all[k] = old
	}
	if delete(all, app); len(changed) > 0 {
		all[app] = changed
	}
	b, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if err := replace(t.file, b); err != nil {
		return err
	}
	t.apps = all
	return nil
}
