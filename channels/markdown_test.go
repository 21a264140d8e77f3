package channels

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite MATRIX.md from the table")

func TestMatrixDocument(t *testing.T) {
	const name = "MATRIX.md"
	got := Markdown()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs from the table; run go test ./channels -update", name)
	}
}

// TestMarkdown: every row is in the document with its note, or among the
// channels its profile does not reach, and every table row has every column.
func TestMarkdown(t *testing.T) {
	sections := strings.Split(Markdown(), "\n## ")
	if got, want := len(sections)-1, len(allProfiles); got != want {
		t.Fatalf("%d sections, want %d", got, want)
	}
	for i, profile := range allProfiles {
		lines := strings.Split(sections[i+1], "\n")
		if lines[0] != profile {
			t.Errorf("section %d is %s, want %s", i, lines[0], profile)
		}
		for _, channel := range stored {
			r, _ := Lookup(profile, channel)
			n := 0
			for _, line := range lines {
				switch {
				case r.Outside && strings.HasPrefix(line, "Not reached") && strings.Contains(line, "`"+channel+"`"):
					n++
				case strings.Contains(line, "<br>`"+channel+"` |"):
					n++
					if !strings.Contains(line, cell(r.Note)) || strings.Contains(line, "(!)") == r.Verified {
						t.Errorf("%s/%s: the note is missing or the mark is wrong: %s", profile, channel, line)
					}
					if got := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); got != 13 {
						t.Errorf("%s/%s: %d bars, want 13", profile, channel, got)
					}
				}
			}
			if n != 1 {
				t.Errorf("%s/%s is in the document %d times", profile, channel, n)
			}
		}
	}
}
