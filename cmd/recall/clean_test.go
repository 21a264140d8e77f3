package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "Autumn sale", "Autumn sale"},
		{"other scripts", "秋季特卖 ¥ é 👍🏽", "秋季特卖 ¥ é 👍🏽"},
		{"colour", "a\x1b[31;1mred\x1b[0m", "ared"},
		{"cursor and erase", "x\x1b[2J\x1b[Hy", "xy"},
		{"window title", "a\x1b]0;owned\x07b", "ab"},
		{"clipboard, ended by ST", "a\x1b]52;c;ZWNobw==\x1b\\b", "ab"},
		{"link", "\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\", "click"},
		{"device control", "a\x1bPq#0\x1b\\b", "ab"},
		{"two-character escape", "a\x1bcb", "ab"},
		{"one-character forms", "a\u009b31mred\u009d0;t\u0007b", "aredb"},
		{"control sequence without end", "a\x1b[31", "a31"},
		{"string without end hides nothing", "a\x1b]0;the rest", "a0;the rest"},
		{"escape at the end", "a\x1b", "a"},
		{"escape of an escape", "a\x1b\x1b[31mb", "ab"},
		{"bell, backspace, NUL, DEL", "a\x07\x08\x00\x7fb", "ab"},
		{"lines", "a\r\nb\tc\u2028d", "a  b c d"},
		{"direction", "abc\u202egnp.exe\u202c\u2066x\u2069\u200f", "abcgnp.exex"},
		{"broken UTF-8", "a\xffb\xc2", "a\ufffdb\ufffd"},
		{"raw C1 byte", "a\x9bb", "a\ufffdb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := clean(c.in); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"a\x1b[31mb", "\x1b]0;x", "\x9b", "\u009d\u009c", "\x1b\x1b\x1b[", "\u202e", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if !utf8.ValidString(got) {
			t.Errorf("%q became %q, which is not UTF-8", s, got)
		}
		if i := strings.IndexFunc(got, harmful); i >= 0 {
			t.Errorf("%q became %q, which has %q", s, got, got[i:])
		}
		if again := clean(got); again != got {
			t.Errorf("%q became %q and then %q", s, got, again)
		}
	})
}

// What is escaped in JSON still says the same.
func TestJSONIsHarmless(t *testing.T) {
	titles := []string{"a\x1b[31mb", "DEL \x7f", "C1 \u009b31m", "direction \u202e \u2066", "秋季 👍 <b> & \\u202e"}
	b, err := encode(titles)
	if err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexFunc(string(b), harmful); i >= 0 {
		t.Errorf("%s has %q", b, string(b)[i:])
	}
	var got []string
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for i := range titles {
		if got[i] != titles[i] {
			t.Errorf("got %q, want %q", got[i], titles[i])
		}
	}
}
