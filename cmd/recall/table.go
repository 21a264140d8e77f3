package main

import (
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// column is a column of a table.
type column struct {
	name string
	// right aligns it, for numbers.
	right bool
	// max cuts what is longer, 0 never does. Ids are never cut: they are there
	// to be copied.
	max int
}

// grid is a table: no frame, two spaces between columns, so that it can be cut
// and searched with the usual tools.
type grid struct {
	columns []column
	t       table.Writer
	color   bool
}

func (p *printer) grid(columns ...column) *grid {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box = table.StyleBoxDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header, style.Format.Footer = text.FormatUpper, text.FormatDefault
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	head := make(table.Row, len(columns))
	configs := make([]table.ColumnConfig, len(columns))
	for i, c := range columns {
		head[i] = c.name
		configs[i] = table.ColumnConfig{Number: i + 1}
		if c.right {
			configs[i].Align, configs[i].AlignHeader, configs[i].AlignFooter = text.AlignRight, text.AlignRight, text.AlignRight
		}
	}
	t.AppendHeader(head)
	t.SetColumnConfigs(configs)
	return &grid{columns: columns, t: t, color: p.color}
}

// painted is a cell in a colour.
type painted struct {
	text  string
	color string
}

// The colours, as terminals know them.
const (
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	red    = "\x1b[31m"
	dim    = "\x1b[2m"
	plainC = "\x1b[0m"
)

// row adds a row of strings, painted texts and numbers.
func (g *grid) row(cells ...any) { g.t.AppendRow(g.cells(cells)) }

// total adds a last row.
func (g *grid) total(cells ...any) { g.t.AppendFooter(g.cells(cells)) }

func (g *grid) cells(cells []any) table.Row {
	r := make(table.Row, len(cells))
	for i, c := range cells {
		r[i] = g.cell(c, g.columns[i].max)
	}
	return r
}

func (g *grid) cell(c any, longest int) string {
	switch c := c.(type) {
	case string:
		return cut(clean(c), longest)
	case painted:
		s := cut(clean(c.text), longest)
		if !g.color || c.color == "" || s == "" {
			return s
		}
		return c.color + s + plainC
	case int:
		return number(c)
	case uint32:
		return number(c)
	case uint64:
		return number(c)
	}
	return "?"
}

func cut(s string, longest int) string {
	if longest == 0 {
		return s
	}
	return text.Snip(s, longest, "…")
}

func (g *grid) render(w io.Writer) error {
	_, err := io.WriteString(w, g.t.Render()+"\n")
	return err
}

// screenWidth is how wide a table may be.
const screenWidth = 100

func (g *grid) width() int { return text.LongestLineLen(g.t.Render()) }

// stateColor is the colour of a word that says how something stands.
func stateColor(word string) string {
	switch word {
	case "completed", "settled", "confirmed", "recalled", "overridden", "open", "ready":
		return green
	case "running", "sending", "scheduled", "pending", "waiting", "terminated", "cancelled", "possible":
		return yellow
	case "aborted", "refused", "closed", "expired":
		return red
	}
	return ""
}

func state(word string) painted { return painted{word, stateColor(word)} }
