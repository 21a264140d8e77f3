package tidy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/recall-ledger/recall-ledger"

// pkg is what `go list` tells of a package.
type pkg struct {
	ImportPath string
	Doc        string
	Dir        string
	GoFiles    []string
	Imports    []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Dir,GoFiles,Imports", module+"/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		p.ImportPath = strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list names only %d packages", len(all))
	}
	return all
}

// mayImport says which packages of the module a package may import: the first
// pattern that matches decides. A package that no row names fails the test, so
// the rule is written before the package.
var mayImport = []struct {
	who  string
	what []string
}{
	{`events`, nil},
	{`events/embedded/clustertest`, []string{`events/embedded`}},
	{`events/\w+`, []string{`events`}},
	{`channels`, []string{`events`}},
	{`channels/(call|scripted|selfbuilt)`, []string{`channels`, `events`}},
	{`channels/double`, []string{`channels/call`}},
	{`channels/channelstest`, []string{`channels/double`, `channels`, `events`}},
	{`channels/\w+`, []string{`channels/call`, `channels`, `events`}},
	{`channels/\w+/\w+test`, []string{`channels/double`}},
	{`ledger`, []string{`channels`, `events`}},
	{`projections`, []string{`ledger`, `channels`, `events`}},
	{`ledger/tracing`, []string{`events`}},
	{`ledger/(decision|dispatch)`, []string{`ledger/tracing`, `projections`, `ledger`, `channels`, `events`}},
	{`ledger/partition`, []string{`ledger/(decision|dispatch)`, `projections`, `ledger`, `events`}},
	{`ledger/remote`, []string{`ledger/(partition|dispatch)`, `projections`, `ledger`, `channels`, `events`, `events/jetstream`}},
	{`ledger/facade`, []string{`ledger/(partition|tracing)`, `ledger/decision`, `projections`, `ledger`, `channels`, `events`}},
	{`ledger/facade/facadetest`, []string{`ledger/(facade|partition)`, `ledger/decision`, `projections`, `events`, `events/(embedded|jetstream)`}},
	{`ledger/facade/\w+`, []string{`ledger/facade`, `ledger/decision`, `projections`, `ledger`, `channels`, `events`}},
	{`ledger/facade/ums/callback`, []string{`ledger/facade/ums`, `ledger/facade`, `projections`, `ledger`, `channels`, `events`}},
	{`ledger/callback`, []string{`ledger/(facade|partition)`, `channels`, `events`}},
	{`ledger/webhook`, []string{`ledger/tracing`, `projections`, `ledger`, `events`}},
	{`ledger/span`, []string{`events`}},
	{`ledger/statistics`, []string{`ledger/span`, `ledger`, `channels`, `events`}},
	{`ledger/whatif`, []string{`ledger`, `channels`, `events`}},
	{`ledger/export`, []string{`ledger`, `events`}},
	{`ledger/audit`, []string{`projections`, `ledger`, `channels`, `events`}},
	{`ledger/replay`, []string{`ledger/(partition|decision|span)`, `projections`, `events`}},
	{`ledger/api`, []string{`ledger/(facade|partition|replay|span|tracing)`, `channels/selfbuilt`, `ledger/decision`, `ledger/dispatch`, `projections`, `ledger`, `channels`, `events`}},
	{`ledger/console`, []string{`ledger/decision`, `channels`}},
	{`ledger/node`, []string{`ledger/\w+(/\w+){0,2}`, `projections`, `ledger`, `channels(/\w+)?`, `events(/\w+)?`}},
	{`ledger/demo`, []string{`ledger/\w+`, `projections`, `ledger`, `channels(/\w+)?`, `events(/\w+)?`}},
	{`ledger/bench`, []string{`ledger/(api|decision|dispatch|partition)`, `projections`, `ledger`, `channels`, `events`, `events/(embedded|jetstream)`}},
	{`ledger/showcase`, []string{`ledger/(api|node)`, `projections`, `ledger`, `channels(/(double|selfbuilt))?`, `channels/\w+/\w+test`, `events`}},
	{`cmd/recall`, []string{`.*`}},
	{`cmd/internal/tidy`, nil},
}

// owners says who may import a heavy dependency.
var owners = map[string]string{
	"github.com/nats-io/nats-server/v2":          `events/embedded`,
	"github.com/nats-io/nats.go":                 `events/(jetstream|embedded)|channels/selfbuilt`,
	"github.com/cockroachdb/pebble/v2":           `projections`,
	"github.com/danielgtaylor/huma/v2":           `ledger/api`,
	"github.com/spf13/cobra":                     `cmd/recall`,
	"github.com/synadia-io/orbit.go":             `events/jetstream`,
	"github.com/parquet-go/parquet-go":           `ledger/export`,
	"go.opentelemetry.io/otel/sdk":               `ledger/node`,
	"go.opentelemetry.io/otel/exporters":         `ledger/node`,
	"github.com/prometheus/client_golang":        `ledger/(api|node)`,
	"github.com/recall-ledger/recall-ledger/cmd": `cmd/.*`,
	// Tests alone: no package matches.
	module + "/ledger/facade/facadetest": `-`,
}

// pure packages neither touch the world nor ask it for time or chance.
var pure = regexp.MustCompile(`^(events|channels|ledger)$`)

func matches(pattern, s string) bool {
	return regexp.MustCompile(`^(` + pattern + `)$`).MatchString(s)
}

func TestImports(t *testing.T) {
	for _, p := range list(t) {
		if len(p.GoFiles) == 0 {
			continue
		}
		row := slices.IndexFunc(mayImport, func(r struct {
			who  string
			what []string
		}) bool {
			return matches(r.who, p.ImportPath)
		})
		if row < 0 {
			t.Errorf("package %s has no row in mayImport: decide what it may import", p.ImportPath)
			continue
		}
		for _, i := range p.Imports {
			for dep, owner := range owners {
				if (i == dep || strings.HasPrefix(i, dep+"/")) && !matches(owner, p.ImportPath) {
					t.Errorf("package %s imports %s, which belongs to %s", p.ImportPath, dep, owner)
				}
			}
			if pure.MatchString(p.ImportPath) && slices.Contains([]string{"net/http", "os", "math/rand", "math/rand/v2"}, i) {
				t.Errorf("package %s is pure and imports %s", p.ImportPath, i)
			}
			inner, ok := strings.CutPrefix(i, module+"/")
			if ok && !slices.ContainsFunc(mayImport[row].what, func(w string) bool { return matches(w, inner) }) {
				t.Errorf("package %s imports %s: imports point down only", p.ImportPath, inner)
			}
		}
	}
}

func TestPurePackagesReadNoClock(t *testing.T) {
	clock := regexp.MustCompile(`\btime\.(Now|Since|Until|After|Tick|Sleep|NewTimer|NewTicker)\(`)
	for _, p := range list(t) {
		if !pure.MatchString(p.ImportPath) {
			continue
		}
		for _, f := range p.GoFiles {
			b, err := os.ReadFile(filepath.Join(p.Dir, f))
			if err != nil {
				t.Fatal(err)
			}
			if m := clock.Find(b); m != nil {
				t.Errorf("%s/%s calls %s): the time comes from the caller", p.ImportPath, f, m)
			}
		}
	}
}

func TestPackageComments(t *testing.T) {
	for _, p := range list(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("package %s has no package comment", p.ImportPath)
		}
	}
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTopLevel(t *testing.T) {
	want := []string{"README.md", "channels", "cmd", "deploy", "events", "go.mod", "go.sum", "ledger", "projections"}
	entries, err := os.ReadDir(root(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		// Data and profiles of a local run are not part of the tree.
		if name := e.Name(); !strings.HasPrefix(name, ".") && name != "recall-data" && !slices.Contains(want, name) {
			t.Errorf("the top level holds %s; it is exactly %v", name, want)
		}
	}
	for _, name := range want {
		if _, err := os.Stat(filepath.Join(root(t), name)); err != nil {
			t.Errorf("the top level lacks %s", name)
		}
	}
}

func TestFilesAreReadable(t *testing.T) {
	const limit = 700
	for _, top := range []string{"cmd", "events", "projections", "channels", "ledger"} {
		err := filepath.WalkDir(filepath.Join(root(t), top), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			lines := 0
			for s := bufio.NewScanner(f); s.Scan(); {
				lines++
				if strings.Contains(s.Text(), "time."+"Sleep(") && strings.HasSuffix(path, "_test.go") {
					t.Errorf("%s:%d sleeps: wait for the event instead", path, lines)
				}
			}
			if lines > limit {
				t.Errorf("%s has %d lines, the limit is %d: split it", path, lines, limit)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
