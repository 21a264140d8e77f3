package call

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSettings: an error names the setting, and says nothing of its value.
func TestSettings(t *testing.T) {
	const secret = "s3cret"
	file := filepath.Join(t.TempDir(), "key")
	empty := file + "-empty"
	if os.WriteFile(file, []byte(secret), 0o600) != nil || os.WriteFile(empty, nil, 0o600) != nil {
		t.Fatal("the files could not be written")
	}
	address := func(v string) func(*Settings) { return func(s *Settings) { s.Address("base_url", &v, "") } }
	text := func(value, file string) func(*Settings) { return func(s *Settings) { s.Text("key", value, file) } }
	for _, x := range []struct {
		check func(*Settings)
		want  string // "" for none
	}{
		{address("https://push.example.com"), ""},
		{address("http://127.0.0.1:8080/sub/"), ""},
		{address(""), "base_url: is not"},
		{address("s3cret.example.com"), "base_url: is not"},
		{address("ftp://s3cret"), "base_url: is not"},
		{address("https://:443"), "base_url: is not"},
		{address("https://user:s3cret@example.com"), "base_url: is not"},
		{address("https://example.com/?key=s3cret"), "base_url: is not"},
		{address("https://example.com/#s3cret"), "base_url: is not"},
		{address("https://s3cret\x7f"), "base_url: is not"},
		{func(s *Settings) { v := "/v1"; s.Path("path", &v, "") }, ""},
		{func(s *Settings) { v := ""; s.Path("path", &v, "/v1") }, ""},
		{func(s *Settings) { v := "s3cret"; s.Path("path", &v, "/v1") }, "path: does not begin"},
		{func(s *Settings) { s.Need("app_id", secret) }, ""},
		{func(s *Settings) { s.Need("app_id", "") }, "app_id: is missing"},
		{text(secret, ""), ""},
		{text("", file), ""},
		{text("", ""), ""},
		{text(secret, file), "key_file: is given beside key"},
		{text("", file+"-none"), "key_file: cannot be read"},
		{text("", empty), "key_file: is empty"},
		{func(s *Settings) { s.Client(http.DefaultClient, now) }, ""},
		{func(s *Settings) { s.Client(nil, now) }, "an HTTP client and a clock are required"},
		{func(s *Settings) { s.Client(http.DefaultClient, nil) }, "an HTTP client and a clock are required"},
		{func(s *Settings) {
			s.Need("first", "")
			s.Need("second", "")
			s.Client(nil, nil)
			text("", file+"-none")(s)
		}, "first: is missing"},
	} {
		var s Settings
		x.check(&s)
		err := s.Err()
		switch {
		case x.want == "" && err != nil:
			t.Error(err)
		case x.want != "" && (err == nil || !strings.HasPrefix(err.Error(), x.want)):
			t.Errorf("%v, want %s...", err, x.want)
		case err != nil && strings.Contains(err.Error(), secret):
			t.Errorf("the error tells the value: %v", err)
		}
	}
}

// TestSettingsValues: defaults are filled in, and what is behind an address fits.
func TestSettingsValues(t *testing.T) {
	var s Settings
	base, path := "", ""
	s.Address("base_url", &base, "https://push.example.com/sub/")
	s.Path("path", &path, "/v1")
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("of the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	inline, name := s.Text("key", "inline", "")
	filed, fileName := s.Text("key", "", file)
	got := []string{base, path, inline, name, filed, fileName}
	want := []string{"https://push.example.com/sub", "/v1", "inline", "key", "of the file\n", "key_file"}
	if s.Err() != nil || strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%q, %v, want %q", got, s.Err(), want)
	}
}

// TestLearn: what an operator adds must not change what is known.
func TestLearn(t *testing.T) {
	ends := [3]string{"already", "not found", "expired"}
	for _, x := range []struct {
		codes Codes[int]
		want  string
	}{
		{Codes[int]{Already: []int{1}, NotFound: []int{2}, Expired: []int{3, 4}}, ""},
		{Codes[int]{Already: []int{0}}, "unverified.already_codes: 0 has a meaning already"},
		{Codes[int]{Already: []int{1}, NotFound: []int{1}}, "unverified.not_found_codes: 1 has a meaning already"},
		{Codes[int]{Expired: []int{3, 3}}, "unverified.expired_codes: 3 has a meaning already"},
	} {
		var s Settings
		table := map[int]string{0: "done"}
		Learn(&s, table, x.codes, ends)
		if err := s.Err(); (err == nil) != (x.want == "") || err != nil && err.Error() != x.want {
			t.Errorf("%+v: %v, want %s", x.codes, err, x.want)
		}
		if table[0] != "done" {
			t.Errorf("%+v: what was known is now %q", x.codes, table[0])
		}
		if x.want == "" && (len(table) != 5 || table[1] != "already" || table[2] != "not found" || table[4] != "expired") {
			t.Errorf("%v", table)
		}
	}
}
