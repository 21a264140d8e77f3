package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed assets
var files embed.FS

// asset is one file of the page.
type asset struct {
	body []byte
	kind string
	etag string
}

// kinds are the content types of the files, by extension: what the machine's own
// tables say may differ from one to the next.
func kinds() map[string]string {
	return map[string]string{
		".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
		".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	}
}

const shell = "index.html"

// loadAssets reads the embedded files, by the path they are served at.
func loadAssets() (map[string]asset, error) {
	entries, err := files.ReadDir("assets")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	list := map[string]asset{}
	for _, e := range entries {
		b, err := files.ReadFile("assets/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("console: %w", err)
		}
		kind, ok := kinds()[path.Ext(e.Name())]
		if !ok {
			return nil, fmt.Errorf("console: the file %s is of no known type", e.Name())
		}
		sum := sha256.Sum256(b)
		at := root + e.Name()
		if e.Name() == shell {
			at = "/"
		}
		list[at] = asset{body: b, kind: kind, etag: `"` + hex.EncodeToString(sum[:12]) + `"`}
	}
	return list, nil
}

// file serves a file. Browsers ask each time whether it changed, so that a page
// never mixes files of two versions.
func (h *Console) file(w http.ResponseWriter, r *http.Request, at string) {
	a, ok := h.assets[at]
	switch {
	case !ok:
		noSuchPage().write(w)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", strings.Join([]string{http.MethodGet, http.MethodHead}, ", "))
		wrongMethod().write(w)
		return
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", a.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.body))
}
