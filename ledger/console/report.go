package console

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// device is one line of the API's proof of a recall.
type device struct {
	Channel   string   `json:"channel"`
	Device    string   `json:"device"`
	Facts     []string `json:"facts"`
	Late      bool     `json:"late"`
	Commanded bool     `json:"commanded"`
	Outcome   string   `json:"outcome"`
}

// form is a form of report.
type form struct {
	suffix, kind, path string
}

// forms are the forms of report: the account in one JSON object, and what came of
// every device as lines of JSON or CSV.
func forms() []form {
	return []form{
		{".json", typeJSON, ""},
		{".ndjson", "application/x-ndjson", "/devices"},
		{".csv", "text/csv; charset=utf-8", "/devices"},
	}
}

// recallID is what a recall id may be in the name of a file.
var recallID = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// report sends a recall's account as a file. A list that breaks off ends in a
// broken connection, never as if it were complete (L12).
func (h *Console) report(w http.ResponseWriter, r *http.Request, rest string) {
	s, p := h.admit(r)
	if p != nil {
		p.write(w)
		return
	}
	app, path, ok := split(rest)
	for _, f := range forms() {
		id, is := strings.CutSuffix(strings.TrimPrefix(path, "/"), f.suffix)
		if !ok || !is || !recallID.MatchString(id) {
			continue
		}
		out := &download{ResponseWriter: w, kind: f.kind, name: "recall-" + id + f.suffix}
		if f.suffix == ".csv" {
			out.table = newTable(w)
		}
		h.pass(out, r, s, call{method: http.MethodGet, path: "/v1/recalls/" + id + f.path, app: app})
		out.end()
		return
	}
	noSuchPage().write(w)
}

// download turns an answer of the API into a file to keep. A refusal stays what
// it is.
type download struct {
	http.ResponseWriter
	kind, name string
	// table writes lines of JSON as CSV; nil leaves the answer as it is.
	table *table
	began bool
	// refused is true when the API answered with a problem.
	refused bool
}

// WriteHeader implements http.ResponseWriter.
func (d *download) WriteHeader(status int) {
	if d.began {
		return
	}
	d.began = true
	if d.refused = status != http.StatusOK; !d.refused {
		d.Header().Set("Content-Type", d.kind)
		d.Header().Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
	}
	d.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (d *download) Write(b []byte) (int, error) {
	d.WriteHeader(http.StatusOK)
	if d.table == nil || d.refused {
		return d.ResponseWriter.Write(b)
	}
	return d.table.Write(b)
}

// Unwrap is how http.ResponseController finds the real writer.
func (d *download) Unwrap() http.ResponseWriter { return d.ResponseWriter }

func (d *download) end() {
	if d.table != nil && d.began && !d.refused && !d.table.end() {
		panic(http.ErrAbortHandler)
	}
}

// table writes lines of JSON as CSV.
type table struct {
	out  *csv.Writer
	part []byte
	head bool
}

func newTable(w http.ResponseWriter) *table { return &table{out: csv.NewWriter(w)} }

// Write takes a piece of the lines; a line may begin in one and end in another.
func (t *table) Write(b []byte) (int, error) {
	t.begin()
	t.part = append(t.part, b...)
	for {
		line, rest, ok := bytes.Cut(t.part, []byte("\n"))
		if !ok {
			break
		}
		if err := t.line(line); err != nil {
			return 0, err
		}
		t.part = rest
	}
	t.part = append([]byte(nil), t.part...)
	t.out.Flush()
	return len(b), t.out.Error()
}

func (t *table) begin() {
	if !t.head {
		t.head = true
		// The error is that of every later write as well.
		_ = t.out.Write([]string{"channel", "device", "facts", "late", "commanded", "outcome"})
	}
}

func (t *table) line(line []byte) error {
	var d device
	if err := json.Unmarshal(line, &d); err != nil {
		return err
	}
	return t.out.Write([]string{
		harmless(d.Channel), harmless(d.Device), strings.Join(d.Facts, " "), strconv.FormatBool(d.Late), strconv.FormatBool(d.Commanded), d.Outcome,
	})
}

// end writes what is left and reports whether all of it was written.
func (t *table) end() bool {
	t.begin()
	t.out.Flush()
	return t.out.Error() == nil && len(t.part) == 0
}

// harmless marks a cell that a spreadsheet would take for a formula: device ids
// come from outside. The lines of JSON have them as they are.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
