package webpushtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/double"
)

// The service's limits: seconds that a message waits, bytes that it has.
const (
	maxTTL  = 30 * 24 * 60 * 60
	maxBody = 4096
)

// Server is a running double.
type Server struct {
	*double.Server
	guards *guards
}

// Start runs a server until its Close. It judges VAPID tokens by the clock.
func Start(clock func() time.Time) (*Server, error) {
	g := &guards{clock: clock, seen: map[string]bool{}}
	s, err := double.Start(double.Config{Handler: func(s *double.Server) http.Handler {
		mux := http.NewServeMux()
		mux.HandleFunc("POST /push/{id}", g.guard(s.Command(trouble, func(w http.ResponseWriter, r *http.Request) { take(s, w, r) })))
		return mux
	}})
	if err != nil {
		return nil, err
	}
	return &Server{Server: s, guards: g}, nil
}

func trouble(w http.ResponseWriter, f double.Fault) {
	if f == double.Fail {
		refuse(w, http.StatusInternalServerError, 999)
		return
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(double.RetryAfter.Seconds())))
	refuse(w, http.StatusTooManyRequests, 201)
}

// refuse answers as autopush does.
func refuse(w http.ResponseWriter, status, errno int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"code":%d,"errno":%d,"error":%q}`, status, errno, http.StatusText(status))
}

// take checks a message and hands it to the browser.
func take(s *double.Server, w http.ResponseWriter, r *http.Request) {
	i, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || i < 0 {
		refuse(w, http.StatusNotFound, 102)
		return
	}
	device := Device(i)
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	status, errno := headers(r.Header)
	switch {
	case s.Dead(device):
		status, errno = http.StatusGone, 106
	case err != nil:
		status, errno = http.StatusBadRequest, 110
	case len(body) > maxBody:
		status, errno = http.StatusRequestEntityTooLarge, 104
	}
	if errno != 0 {
		refuse(w, status, errno)
		return
	}
	topic := r.Header.Get("Topic")
	if topic != "" {
		s.Tray.Withhold(device, topic)
	}
	// What a browser cannot decrypt it drops; the push service cannot tell.
	if text, err := browserOf(i).decrypt(body); err == nil {
		work(s, device, text)
	}
	w.Header().Set("Location", fmt.Sprintf("%s/m/%d", Origin, i))
	w.WriteHeader(http.StatusCreated)
}

// headers returns a status and autopush's number against the headers of a push.
func headers(h http.Header) (status, errno int) {
	ttl, err := strconv.Atoi(h.Get("TTL"))
	switch {
	case h.Get("TTL") == "":
		errno = 111
	case err != nil || ttl < 0 || ttl > maxTTL:
		errno = 112
	case len(h.Get("Topic")) > 32 || strings.Trim(h.Get("Topic"), topicLetters) != "":
		errno = 113
	case h.Get("Content-Encoding") != "aes128gcm":
		errno = 110
	}
	return http.StatusBadRequest, errno
}

// topicLetters are the base64url alphabet.
const topicLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

// work is the service worker.
func work(s *double.Server, device string, text []byte) {
	var n struct{ Tag, Title, Body string }
	if json.Unmarshal(text, &n) != nil {
		return
	}
	if n.Tag == "" {
		// A notification without a tag stands for itself.
		n.Tag = fmt.Sprintf("untagged %d", len(s.Tray.Screen(device)))
	}
	if n.Body == "" {
		n.Body = n.Title
	}
	s.Tray.Show(device, n.Tag, n.Body)
}

// guards checks VAPID tokens.
type guards struct {
	clock func() time.Time

	mu sync.Mutex
	// seen says of each token that was accepted whether it is rejected since.
	seen map[string]bool
}
