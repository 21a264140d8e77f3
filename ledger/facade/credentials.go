package facade

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
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

// Credentials are the keys of all facades. They are kept encrypted in one file
// beside the key that encrypts it; the file is replaced as a whole.
type Credentials struct {
	file string
	aead cipher.AEAD

	mu   sync.RWMutex
	list map[string]Credential
	// fixed are those of the configuration: they are not in the file.
	fixed map[string]Credential
	// nobody is the secret against which unknown keys are checked, so that
	// they cost the same.
	nobody string
}

// OpenCredentials opens the credentials kept in a folder.
func OpenCredentials(dir string) (*Credentials, error) {
	key, err := fileKey(filepath.Join(dir, "credentials.key"))
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	c := &Credentials{file: filepath.Join(dir, "credentials"), aead: aead, list: map[string]Credential{}, nobody: rand.Text() + rand.Text()}
	b, err := os.ReadFile(c.file)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the credentials: %w", err)
	}
	n := aead.NonceSize()
	if len(b) < n {
		return nil, fmt.Errorf("%s is damaged; restore it, or delete it and enter the credentials again", c.file)
	}
	plain, err := aead.Open(nil, b[:n], b[n:], nil)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be decrypted with credentials.key beside it; restore both from the same backup", c.file)
	}
	var list []Credential
	if err := json.Unmarshal(plain, &list); err != nil {
		return nil, fmt.Errorf("read the credentials: %w", err)
	}
	for _, k := range list {
		c.list[k.String()] = k.sealed()
	}
	return c, nil
}

// Find returns the credential of a facade's key. For an unknown key it returns
// one with a secret nobody knows, so that the caller does the same work.
func (c *Credentials) Find(facade, id string) (Credential, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	k, ok := c.fixed[facade+"/"+id]
	if !ok {
		k, ok = c.list[facade+"/"+id]
	}
	if !ok {
		return Credential{Facade: facade, ID: id, Secret: c.nobody}, false
	}
	return k, true
}

// List returns the credentials without their secrets.
func (c *Credentials) List() []Credential {
	c.mu.RLock()
	defer c.mu.RUnlock()
	list := make([]Credential, 0, len(c.list)+len(c.fixed))
	for name, k := range c.list {
		if _, hidden := c.fixed[name]; !hidden {
			list = append(list, k)
		}
	}
	for _, k := range c.fixed {
		list = append(list, k)
	}
	for i := range list {
		list[i].Secret, list[i].Hash = "", nil
	}
	slices.SortFunc(list, func(a, b Credential) int { return strings.Compare(a.String(), b.String()) })
	return list
}

// Fix adds the credentials of the configuration: they hold for as long as it
// names them, go before what is in the file, and cannot be changed here.
func (c *Credentials) Fix(list []Credential) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fixed = map[string]Credential{}
	for i, k := range list {
		if err := k.Check(); err != nil {
			return fmt.Errorf("facades[%d].%w", i, err)
		}
		if _, twice := c.fixed[k.String()]; twice {
			return fmt.Errorf("facades[%d]: %s is there twice", i, k)
		}
		c.fixed[k.String()] = k.sealed()
	}
	return nil
}

// Put adds a credential or replaces the one with its facade and id, which must
// be of the same app.
func (c *Credentials) Put(k Credential) error {
	if err := k.Check(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	old, known := c.list[k.String()]
	if _, fixed := c.fixed[k.String()]; fixed {
		return &events.FieldError{Field: "id", Reason: "is set in the node's configuration; change it there"}
	}
	switch {
	case known && old.App != k.App:
		return &events.FieldError{Field: "id", Reason: "belongs to another app"}
	case !known && len(c.list) >= MaxCredentials:
		return &events.FieldError{Field: "id", Reason: fmt.Sprintf("there are %d credentials, the limit", MaxCredentials)}
	}
	c.list[k.String()] = k.sealed()
	if err := c.save(); err != nil {
		// What is not on disk does not hold.
		if delete(c.list, k.String()); known {
			c.list[k.String()] = old
		}
		return err
	}
	return nil
}

// Delete removes a credential of an app; it reports whether there was one.
func (c *Credentials) Delete(app, facade, id string) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := facade + "/" + id
	old, known := c.list[name]
	if !known || old.App != app {
		return false, nil
	}
	delete(c.list, name)
	if err := c.save(); err != nil {
		c.list[name] = old
		return false, err
	}
	return true, nil
}

// save writes the file under another name first: a crash leaves the old one or
// the new one.
func (c *Credentials) save() error {
	list := make([]Credential, 0, len(c.list))
	for _, k := range c.list {
		list = append(list, k)
	}
	plain, err := json.Marshal(list)
	if err != nil {
		return err
	}
	nonce := make([]byte, c.aead.NonceSize())
	rand.Read(nonce)
	return replace(c.file, c.aead.Seal(nonce, nonce, plain, nil))
}

// fileKey reads the key of the file, making it at the first start.
func fileKey(name string) ([]byte, error) {
	const size = 32
	b, err := os.ReadFile(name)
	switch {
	case err == nil && len(b) == size:
		return b, nil
	case err == nil:
		return nil, fmt.Errorf("%s holds %d bytes instead of %d; restore it", name, len(b), size)
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	b = make([]byte, size)
	rand.Read(b)
	return b, replace(name, b)
}

func replace(name string, b []byte) error {
	f, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(name), err)
	}
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(name), err)
	}
	return nil
}
