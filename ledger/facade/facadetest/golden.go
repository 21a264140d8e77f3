package facadetest

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

// A file of recorded exchanges holds requests and the answers they must get, one
// after the other:
//
//	### what this is
//	POST /v1/retract/1 HTTP/1.1
//	Host: api.example.org
//
//	null
//
//	HTTP/1.1 200 OK
//	Content-Type: application/json
//
//	{"msgid":"{{msgid}}"}
//
// Lines end with LF in the file and those of a head with CRLF on the wire, as
// HTTP has it; a body is sent and compared as it stands there, without the line
// breaks around it. A request whose head names no length gets the length of its
// body. Of an answer's head those fields count that clients read: each of
// compared stands in the file, in this order, or not in the answer either.
//
// In an answer {{name}} takes the place of what cannot be known beforehand. It
// has one value in all files that a node replays: what it was the first time.
// Later requests may send it.

// compared are the header fields that clients of the vendors read.
func compared() []string { return []string{"Content-Type", "Retry-After", "WWW-Authenticate"} }

// Let gives a placeholder its value, for what a file cannot hold: today's date, or
// a list that is too long to read.
func (n *Node) Let(name, value string) { n.named["{{"+name+"}}"] = value }

// Steps are what happens before an exchange, by the exchange's name. What a step
// leaves to the test's clean-up is undone before the next exchange.
type Steps map[string]func(*testing.T)

// Replay replays a file of recorded exchanges, each as a test of its own.
func (n *Node) Replay(t *testing.T, file string, before Steps) {
	t.Helper()
	text := string(Must(os.ReadFile(file))(t))
	left := maps.Clone(before)
	exchanges := strings.Split("\n"+text, "\n### ")[1:]
	if len(exchanges) == 0 {
		t.Fatalf("%s has no exchange", file)
	}
	for i, exchange := range exchanges {
		name, rest, _ := strings.Cut(exchange, "\n")
		request, answer, found := strings.Cut(rest, "\nHTTP/1.1 ")
		if !found {
			t.Fatalf("%s: exchange %d, %q, has no answer", file, i+1, name)
		}
		t.Run(name, func(t *testing.T) {
			if step := left[name]; step != nil {
				step(t)
			}
			n.exchange(t, strings.Trim(request, "\n"), "HTTP/1.1 "+strings.Trim(answer, "\n"))
		})
		delete(left, name)
	}
	for name := range left {
		t.Errorf("%s has no exchange %q", file, name)
	}
}

func (n *Node) exchange(t *testing.T, request, answer string) {
	t.Helper()
	a := n.Send(n.wire(t, request))
	if want, got, same := n.compare(answer, a); !same {
		t.Errorf("%s\n\ngot  %s\n\nwant %s", request, got, want)
	}
}

// compare compares an answer with what stands in the file, and returns both as
// texts.
func (n *Node) compare(expected string, a Answer) (want, got string, same bool) {
	got = fmt.Sprintf("HTTP/1.1 %d %s\n", a.Status, http.StatusText(a.Status))
	for _, name := range compared() {
		for _, v := range a.Header.Values(name) {
			got += name + ": " + v + "\n"
		}
	}
	got += "\n" + a.Body
	head, body, _ := strings.Cut(n.fill(expected), "\n\n")
	want = head + "\n\n" + body
	return want, got, n.matches(want, got)
}

// wire makes the bytes of a request.
func (n *Node) wire(t *testing.T, request string) []byte {
	t.Helper()
	head, body, _ := strings.Cut(n.fill(request), "\n\n")
	if blank := placeholder.FindString(head + body); blank != "" {
		t.Fatalf("nothing answered %s yet", blank)
	}
	if !strings.Contains(head, "\nContent-Length: ") && !strings.Contains(head, "\nTransfer-Encoding: ") {
		head += fmt.Sprint("\nContent-Length: ", len(body))
	}
	return []byte(strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + body)
}

var placeholder = regexp.MustCompile(`\{\{\w+\}\}`)

// fill puts the values of placeholders in their place, as far as they are known.
func (n *Node) fill(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(p string) string {
		if v, known := n.named[p]; known {
			return v
		}
		return p
	})
}

// matches compares a text with what it must be, and notes the values of the
// placeholders in it. They are as short as what follows them allows.
func (n *Node) matches(want, got string) bool {
	names := placeholder.FindAllString(want, -1)
	parts := placeholder.Split(want, -1)
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	values := regexp.MustCompile(`^(?s:` + strings.Join(parts, `([^"]+?)`) + `)$`).FindStringSubmatch(got)
	for i := range values[min(1, len(values)):] {
		if old, known := n.named[names[i]]; known && old != values[i+1] {
			return false
		}
		n.named[names[i]] = values[i+1]
	}
	return values != nil
}
