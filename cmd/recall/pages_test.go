package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// pages are the documents of the project by their paths from its root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	list := map[string]string{}
	root := "../.."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || len(d.Name()) > 2 && d.Name()[0] == '.') {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		name, relErr := filepath.Rel(root, path)
		list[name] = string(text)
		if err == nil {
			err = relErr
		}
		return err
	})
	if err != nil || len(list) < 5 {
		t.Fatalf("%d pages, %v", len(list), err)
	}
	return list
}

// TestLinks: what a page links to is there.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for name, text := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			if missing(filepath.Join("../..", filepath.Dir(name), target)) {
				t.Errorf("%s links to %s, which is not there", name, m[1])
			}
		}
	}
}

// TestFigures: the README tells no other figures than the table it points to.
func TestFigures(t *testing.T) {
	list := pages(t)
	row := regexp.MustCompile(`(?m)^\| [^|]+ \| (\d[^|]*) \|$`)
	found := row.FindAllStringSubmatch(list["README.md"], -1)
	for _, m := range found {
		if !strings.Contains(list["ledger/bench/FIGURES.md"], " | "+m[1]+" | ") {
			t.Errorf("ledger/bench/FIGURES.md does not have %q", m[0])
		}
	}
	if len(found) == 0 {
		t.Error("the README tells no figures: are they found?")
	}
}

// TestPagesCommands: the commands that pages and help texts show are there and take
// the flags they are shown with.
func TestPagesCommands(t *testing.T) {
	n := 0
	for name, text := range pages(t) {
		for line := range strings.Lines(text) {
			// Others are prose, or what a command prints.
			if strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "$ ") {
				n += shown(t, name, line)
			}
		}
	}
	var each func(path []string)
	each = func(path []string) {
		root := newRoot(&globalOptions{})
		c, _, err := root.Find(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(c.Example) {
			n += shown(t, c.CommandPath()+" --help", line)
		}
		for _, child := range c.Commands() {
			each(append(path[:len(path):len(path)], child.Name()))
		}
	}
	each(nil)
	if n < 150 {
		t.Errorf("%d commands are shown: are they found?", n)
	}
}

// end is what ends a command in a line of a shell: a comment, a pipe, the next one.
var end = regexp.MustCompile(`\s+[#>|;&].*|;.*|\s+\|$`)

// shown checks the command that a line shows, and returns how many there are.
func shown(t *testing.T, where, line string) int {
	t.Helper()
	line = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), "$ "), "go run ./cmd/")
	text, ok := strings.CutPrefix(line, "recall ")
	if !ok || !strings.HasPrefix(text, "-") && !regexp.MustCompile(`^[a-z]`).MatchString(text) {
		return 0
	}
	root := newRoot(&globalOptions{})
	root.SetOut(io.Discard)
	c, args, err := root.Find(split(end.ReplaceAllString(text, "")))
	if err == nil {
		err = c.ParseFlags(args)
	}
	if err == nil {
		err = c.ValidateArgs(c.Flags().Args())
	}
	if err != nil && !errors.Is(err, pflag.ErrHelp) {
		t.Errorf("%s shows %q: %v", where, line, err)
	}
	return 1
}

// split splits a line into words as a shell does, as far as pages need it.
func split(line string) []string {
	var list []string
	for _, m := range regexp.MustCompile(`(?:"[^"]*"|'[^']*'|[^\s"'])+`).FindAllString(line, -1) {
		list = append(list, strings.NewReplacer(`"`, "", `'`, "").Replace(m))
	}
	return list
}
