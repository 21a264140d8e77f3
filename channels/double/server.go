package double

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// Fault is what goes wrong with a command.
type Fault string

// The faults. The first three are answered in the vendor's form and do nothing.
const (
	// Throttle asks to come back after RetryAfter.
	Throttle Fault = "throttle"
	// Fail is an internal error of the vendor.
	Fail Fault = "fail"
	// DropBefore ends the connection before anything is done.
	DropBefore Fault = "drop-before"
	// DropAfter ends it after the effect, before an answer.
	DropAfter Fault = "drop-after"
	// Stall does it and then stops in the middle of the answer.
	Stall Fault = "stall"
	// Flood does it and answers more than anybody should read.
	Flood Fault = "flood"
	// None answers as always; it holds a place in a script.
	None Fault = ""
)

// RetryAfter is what a throttled call is told to wait.
const RetryAfter = 7 * time.Second

// Server is a vendor's double: what all have in common. It is safe for
// concurrent use.
type Server struct {
	Tray *Tray
	// URL is its address, without a slash at the end.
	URL string

	http *http.Server
	done chan struct{}

	mu      sync.Mutex
	script  []Fault
	always  Fault
	dead    map[string]bool
	calls   []string
	entered chan struct{}
}

// Config configures a server.
type Config struct {
	// Handler makes the vendor's API; it is called once, before Start returns.
	Handler func(*Server) http.Handler
	// HTTP2 makes the server speak HTTP/2 without TLS, as Client does then.
	HTTP2 bool
}

// Start listens on a free port of the loopback interface until Close.
func Start(c Config) (*Server, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a vendor's double: %w", err)
	}
	s := &Server{
		Tray: NewTray(), URL: "http://" + l.Addr().String(), done: make(chan struct{}),
		dead: map[string]bool{}, entered: make(chan struct{}, 1),
	}
	s.http = &http.Server{Handler: c.Handler(s), ReadHeaderTimeout: 10 * time.Second, Protocols: protocols(c.HTTP2)}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			panic(fmt.Sprintf("a vendor's double stopped: %v", err))
		}
	}()
	return s, nil
}

func protocols(two bool) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(!two)
	p.SetUnencryptedHTTP2(two)
	return p
}

// Client returns a client that speaks to a double: with two it speaks HTTP/2
// without TLS.
func Client(two bool) *http.Client {
	return &http.Client{
		Transport:     &http.Transport{Protocols: protocols(two), MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close ends the server and every connection.
func (s *Server) Close() {
	_ = s.http.Close() // what it may report is of no use to anybody
	<-s.done
}

// Script says what goes wrong with the next commands, in order.
func (s *Server) Script(list ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, list...)
}

// Always says what goes wrong with every command that no script is left for.
func (s *Server) Always(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always = f
}

// Kill makes device tokens dead, as after the app was removed.
func (s *Server) Kill(devices ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range devices {
		s.dead[d] = true
	}
}

// Dead reports whether a device token is dead.
func (s *Server) Dead(device string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead[device]
}

// Calls returns the method and path of every request so far.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.calls...)
}

// Note records a request for Calls. Command does it by itself.
func (s *Server) Note(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, r.Method+" "+r.URL.Path)
}

// Entered gets a value when a command arrived, unless one is waiting there.
func (s *Server) Entered() <-chan struct{} { return s.entered }

func (s *Server) fault() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.script) == 0 {
		return s.always
	}
	f := s.script[0]
	s.script = s.script[1:]
	return f
}

// Command makes a handler of a vendor's command suffer faults. trouble answers
// Throttle and Fail in the vendor's form. Put it inside the check of credentials.
func (s *Server) Command(trouble func(w http.ResponseWriter, f Fault), h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.Note(r)
		select {
		case s.entered <- struct{}{}:
		default:
		}
		switch f := s.fault(); f {
		case Throttle, Fail:
			trouble(w, f)
		case DropBefore:
			panic(http.ErrAbortHandler)
		case DropAfter:
			h(&silent{header: http.Header{}}, r)
			panic(http.ErrAbortHandler)
		case Stall:
			h(&silent{header: http.Header{}}, r)
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("{"))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case Flood:
			h(w, r)
			_, _ = w.Write([]byte(strings.Repeat(" ", call.MaxAnswer+1)))
		default:
			h(w, r)
		}
	}
}

// silent takes an answer nobody gets.
type silent struct{ header http.Header }

func (s *silent) Header() http.Header         { return s.header }
func (s *silent) Write(b []byte) (int, error) { return len(b), nil }
func (s *silent) WriteHeader(int)             {}
