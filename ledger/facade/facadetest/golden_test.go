package facadetest

import (
	"net/http"
	"testing"
)

// What differs from a file in anything that a client reads does not match it.
func TestCompare(t *testing.T) {
	const file = "HTTP/1.1 400 Bad Request\nContent-Type: text/plain\nRetry-After: 1\n\n{\"id\":\"{{id}}\",\"again\":\"{{id}}\",\"old\":\"{{old}}\"}"
	const body = `{"id":"7","again":"7","old":"1"}`
	head := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Add(pairs[i], pairs[i+1])
		}
		return h
	}
	good := head("Content-Type", "text/plain", "Retry-After", "1", "Date", "today")
	for name, tt := range map[string]struct {
		answer Answer
		same   bool
	}{
		"the same":                {Answer{400, good, body}, true},
		"another status":          {Answer{401, good, body}, false},
		"another type":            {Answer{400, head("Content-Type", "text/html", "Retry-After", "1"), body}, false},
		"a header less":           {Answer{400, head("Content-Type", "text/plain"), body}, false},
		"a header twice":          {Answer{400, head("Content-Type", "text/plain", "Retry-After", "1", "Retry-After", "1"), body}, false},
		"a header more":           {Answer{400, head("Content-Type", "text/plain", "Retry-After", "1", "WWW-Authenticate", "Basic"), body}, false},
		"a line break more":       {Answer{400, good, body + "\n"}, false},
		"a field more":            {Answer{400, good, `{"id":"7","again":"7","old":"1","new":1}`}, false},
		"two values of one name":  {Answer{400, good, `{"id":"7","again":"8","old":"1"}`}, false},
		"another value than once": {Answer{400, good, `{"id":"7","again":"7","old":"2"}`}, false},
		"no value":                {Answer{400, good, `{"id":"","again":"","old":"1"}`}, false},
		"nothing":                 {Answer{400, good, ""}, false},
	} {
		n := &Node{named: map[string]string{}}
		n.Let("old", "1")
		if want, got, same := n.compare(file, tt.answer); same != tt.same {
			t.Errorf("%s: same is %t for %s\nand %s", name, same, got, want)
		}
		if tt.same && n.fill("{{id}} {{old}} {{other}}") != "7 1 {{other}}" {
			t.Errorf("%s: the values are %v", name, n.named)
		}
	}
}

// A request goes out with line ends and a length as HTTP has them, and with what
// was answered before.
func TestWire(t *testing.T) {
	n := &Node{named: map[string]string{}}
	n.Let("id", "123")
	for request, want := range map[string]string{
		"POST /{{id}} HTTP/1.1\nHost: h\n\n{\n{{id}}}":                     "POST /123 HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n{\n123}",
		"GET / HTTP/1.1\nHost: h":                                          "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
		"PUT / HTTP/1.1\nContent-Length: 4\n\nnull":                        "PUT / HTTP/1.1\r\nContent-Length: 4\r\n\r\nnull",
		"PUT / HTTP/1.1\nTransfer-Encoding: chunked\n\n4\r\nnull\r\n0\r\n": "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnull\r\n0\r\n",
	} {
		if got := string(n.wire(t, request)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
