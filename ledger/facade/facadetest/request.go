package facadetest

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// Answer is what came back of a request.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Call makes a request; headers are pairs of name and value.
func (n *Node) Call(method, path string, body io.Reader, headers ...string) Answer {
	n.T.Helper()
	r := Must(http.NewRequest(method, n.HTTP.URL+path, body))(n.T)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return n.Do(r)
}

// Do sends a request that the test made.
func (n *Node) Do(r *http.Request) Answer {
	n.T.Helper()
	return n.read(n.HTTP.Client().Do(r))
}

// Send writes the bytes of a request on a connection of its own.
func (n *Node) Send(raw []byte) Answer {
	n.T.Helper()
	conn := Must(net.Dial("tcp", n.HTTP.Listener.Addr().String()))(n.T)
	defer func() { _ = conn.Close() }() // the answer is read or the test has failed
	if _, err := conn.Write(raw); err != nil {
		n.T.Fatal(err)
	}
	return n.read(http.ReadResponse(bufio.NewReader(conn), nil))
}

func (n *Node) read(r *http.Response, err error) Answer {
	n.T.Helper()
	if err != nil {
		n.T.Fatal(err)
	}
	defer r.Body.Close()
	return Answer{r.StatusCode, r.Header, string(Must(io.ReadAll(r.Body))(n.T))}
}

// Expect compares an answer with what it must be, byte for byte.
func (n *Node) Expect(what string, got Answer, status int, kind, body string) {
	n.T.Helper()
	if got.Status != status || got.Body != body {
		n.T.Errorf("%s: got %d %s\nwant %d %s", what, got.Status, got.Body, status, body)
	}
	if is := got.Header.Get("Content-Type"); is != kind {
		n.T.Errorf("%s: content type %q", what, is)
	}
}
