package call

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Settings checks the settings of an adapter and keeps the first that is wrong.
// Its errors begin with the setting's name as the configuration file has it, and
// hold nothing of its value.
type Settings struct{ err error }

// Err is the first setting that is wrong.
func (s *Settings) Err() error { return s.err }

// Fail notes that a setting is wrong.
func (s *Settings) Fail(name, why string) {
	if s.err == nil {
		s.err = errors.New(name + ": " + why)
	}
}

// Want notes that a setting is wrong unless it is good.
func (s *Settings) Want(good bool, name, why string) {
	if !good {
		s.Fail(name, why)
	}
}

// Need checks that a setting is there.
func (s *Settings) Need(name, value string) { s.Want(value != "", name, "is missing") }

// Address checks an http or https address, with a default; paths are put behind
// it, so it may have no query.
func (s *Settings) Address(name string, value *string, or string) {
	*value = strings.TrimSuffix(cmp.Or(*value, or), "/")
	u, err := url.Parse(*value)
	good := err == nil && u.Hostname() != "" && (u.Scheme == "http" || u.Scheme == "https") &&
		u.User == nil && !strings.ContainsAny(*value, "?#")
	s.Want(good, name, "is not an http or https address without a query")
}

// Path checks the path of a call, with a default.
func (s *Settings) Path(name string, value *string, or string) {
	*value = cmp.Or(*value, or)
	s.Want(strings.HasPrefix(*value, "/"), name, "does not begin with a slash")
}

// Text reads a setting that may stand in a file of its own, which <name>_file
// names. It returns the text, "" where neither is given, and which setting gave
// it.
func (s *Settings) Text(name, value, file string) (text, setting string) {
	switch {
	case file == "":
		return value, name
	case value != "":
		s.Fail(name+"_file", "is given beside "+name+"; give one of the two")
		return "", name
	}
	b, err := os.ReadFile(file)
	if err != nil && s.err == nil {
		s.err = fmt.Errorf("%s_file: cannot be read: %w", name, err)
	}
	s.Want(len(b) > 0, name+"_file", "is empty")
	return string(b), name + "_file"
}

// Client checks what every adapter is given beside its settings, and returns the
// client of its calls.
func (s *Settings) Client(h *http.Client, clock func() time.Time) Client {
	if (h == nil || clock == nil) && s.err == nil {
		s.err = errors.New("an HTTP client and a clock are required")
	}
	return Client{HTTP: h, Clock: clock}
}

// Codes are the codes that an operator found out a vendor gives where no page
// tells: for what was taken back before, is not known, or is too old.
type Codes[K comparable] struct{ Already, NotFound, Expired []K }

// Learn adds such codes to an adapter's table. One that has a meaning already is
// an error, for it would be overlooked or change what is known.
func Learn[K comparable, M any](s *Settings, table map[K]M, c Codes[K], ends [3]M) {
	names := []string{"already_codes", "not_found_codes", "expired_codes"}
	for i, codes := range [][]K{c.Already, c.NotFound, c.Expired} {
		for _, k := range codes {
			if _, has := table[k]; has {
				s.Fail("unverified."+names[i], fmt.Sprintf("%v has a meaning already", k))
				continue
			}
			table[k] = ends[i]
		}
	}
}
