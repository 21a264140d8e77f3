package facade

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
)

func openTemplates(t *testing.T, dir string) *Templates {
	t.Helper()
	v, err := OpenTemplates(dir)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTemplatesBelongToTheirApp(t *testing.T) {
	dir := t.TempDir()
	v := openTemplates(t, dir)
	want := Template{Name: "sale", Title: "#what# for less", Body: "Only today"}
	for _, put := range []Template{{Name: "sale", Title: "old"}, want, {Name: "alarm", Body: "b"}} {
		if err := v.Put("shop", put); err != nil {
			t.Fatal(err)
		}
	}
	v = openTemplates(t, dir)
	got, ok := v.Find("shop", "sale")
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	if list := v.List("shop"); len(list) != 2 || list[0].Name != "alarm" {
		t.Errorf("List = %+v, want both by name", list)
	}
	if _, ok := v.Find("other", "sale"); ok || len(v.List("other")) != 0 {
		t.Error("another app sees the template")
	}
	if done, err := v.Delete("other", "sale"); done || err != nil {
		t.Errorf("another app deleted the template: %v, %v", done, err)
	}
	if done, err := v.Delete("shop", "sale"); !done || err != nil {
		t.Errorf("Delete = %v, %v", done, err)
	}
	if _, ok := openTemplates(t, dir).Find("shop", "sale"); ok {
		t.Error("the deleted template is back after a restart")
	}
}

func TestBadTemplates(t *testing.T) {
	v := openTemplates(t, t.TempDir())
	for field, bad := range map[string]Template{
		"name":  {Title: "t"},
		"title": {Name: "n"},
		"body":  {Name: "n", Body: strings.Repeat("b", events.MaxBody+1)},
	} {
		var f *events.FieldError
		if err := v.Put("shop", bad); !errors.As(err, &f) || f.Field != field {
			t.Errorf("Put with a bad %s = %v", field, err)
		}
	}
	if len(v.List("shop")) != 0 {
		t.Error("a refused template was kept")
	}
}

func TestTemplatesAreBounded(t *testing.T) {
	v := openTemplates(t, t.TempDir())
	full := map[string]Template{}
	for i := range MaxTemplates {
		full[fmt.Sprint(i)] = Template{Name: fmt.Sprint(i), Body: "b"}
	}
	v.apps["shop"] = full
	var f *events.FieldError
	if err := v.Put("shop", Template{Name: "one more", Body: "b"}); !errors.As(err, &f) || !strings.Contains(f.Reason, "limit") {
		t.Errorf("Put beyond the limit = %v", err)
	}
	if err := v.Put("shop", Template{Name: "1", Body: "changed"}); err != nil {
		t.Errorf("changing one at the limit = %v", err)
	}
}

func TestDamagedTemplatesAreRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "templates.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenTemplates(dir); err == nil || !strings.Contains(err.Error(), "restore") {
		t.Errorf("OpenTemplates = %v, want an error that says what to do", err)
	}
}
