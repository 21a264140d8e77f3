package export

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
)

// Format is how tables are written.
type Format string

// The formats.
const (
	Parquet Format = "parquet"
	NDJSON  Format = "ndjson"
	CSV     Format = "csv"
)

// Formats lists the formats.
func Formats() []Format { return []Format{Parquet, NDJSON, CSV} }

// rowGroup is how many rows of a Parquet file are held in memory.
const rowGroup = 50_000

// write writes rows in a format.
func write[T any](w io.Writer, f Format, list []T) error {
	switch f {
	case Parquet:
		return writeParquet(w, list)
	case CSV:
		return writeCSV(w, list)
	}
	return writeNDJSON(w, list)
}

func writeParquet[T any](w io.Writer, list []T) error {
	p := parquet.NewGenericWriter[T](w, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(rowGroup), parquet.CreatedBy("recall-ledger", "", ""))
	for len(list) > 0 {
		n := min(len(list), rowGroup)
		if _, err := p.Write(list[:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	return p.Close()
}

func writeNDJSON[T any](w io.Writer, list []T) error {
	b := bufio.NewWriterSize(w, 64<<10)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	for i := range list {
		if err := enc.Encode(&list[i]); err != nil {
			return err
		}
	}
	return b.Flush()
}

// writeCSV writes RFC 4180 with a header. Nothing stands for null.
func writeCSV[T any](w io.Writer, list []T) error {
	c := csv.NewWriter(w)
	columns := Columns[T]()
	line := make([]string, len(columns))
	for i, col := range columns {
		line[i] = col.Name
	}
	if err := c.Write(line); err != nil {
		return err
	}
	for i := range list {
		v := reflect.ValueOf(&list[i]).Elem()
		for n := range columns {
			line[n] = cell(v.Field(n), columns[n].Optional)
		}
		if err := c.Write(line); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func cell(v reflect.Value, optional bool) string {
	if optional && v.IsZero() {
		return ""
	}
	if t, ok := v.Interface().(time.Time); ok {
		return t.Format(time.RFC3339Nano)
	}
	switch v.Kind() {
	case reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	}
	return v.String()
}

// Column describes one column of a table.
type Column struct {
	Name string
	// Type is text, integer, boolean or timestamp (microseconds, UTC).
	Type     string
	Optional bool
	Doc      string
}

// Columns returns the columns of a row's type, from its tags.
func Columns[T any]() []Column {
	t := reflect.TypeFor[T]()
	list := make([]Column, t.NumField())
	for i := range list {
		f := t.Field(i)
		name, rest, _ := strings.Cut(f.Tag.Get("parquet"), ",")
		list[i] = Column{Name: name, Type: typeName(f.Type), Optional: strings.Contains(rest, "optional"), Doc: f.Tag.Get("doc")}
	}
	return list
}

func typeName(t reflect.Type) string {
	if t == reflect.TypeFor[time.Time]() {
		return "timestamp"
	}
	switch t.Kind() {
	case reflect.Int32, reflect.Int64:
		return "integer"
	case reflect.Bool:
		return "boolean"
	}
	return "text"
}

// Schema writes what SCHEMA.md says of the tables.
func Schema() string {
	var b strings.Builder
	for _, t := range []struct {
		name    Table
		columns []Column
	}{{Events, Columns[Event]()}, {Notifications, Columns[Notification]()}, {Recalls, Columns[Recall]()}} {
		fmt.Fprintf(&b, "\n## %s\n\n| column | type | |\n|---|---|---|\n", t.name)
		for _, c := range t.columns {
			kind := c.Type
			if c.Optional {
				kind += ", may be null"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Name, kind, c.Doc)
		}
	}
	return b.String()
}
