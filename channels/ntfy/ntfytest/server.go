package ntfytest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/double"
)

// Token is the access token the server accepts.
const Token = "tk_of_the_double"

// maxBody is what the server reads of a message, in bytes.
const maxBody = 4096

// Server is the double.
type Server struct{ *double.Server }

// Start runs a server until its Close. All doubles are started alike; this one has
// no use for a clock.
func Start(_ func() time.Time) (*Server, error) {
	s, err := double.Start(double.Config{Handler: func(s *double.Server) http.Handler {
		mux := http.NewServeMux()
		mux.HandleFunc("POST /{$}", guard(s.Command(trouble, func(w http.ResponseWriter, r *http.Request) { publish(s, w, r) })))
		mux.HandleFunc("DELETE /{topic}/{sequence}", guard(s.Command(trouble, func(w http.ResponseWriter, r *http.Request) {
			s.Tray.Remove(r.PathValue("topic"), r.PathValue("sequence"))
			answer(w, "message_delete", r.PathValue("topic"))
		})))
		return mux
	}})
	if err != nil {
		return nil, err
	}
	return &Server{s}, nil
}

func guard(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+Token {
			fail(w, 40101, http.StatusUnauthorized, "unauthorized")
			return
		}
		h(w, r)
	}
}

func trouble(w http.ResponseWriter, f double.Fault) {
	if f == double.Fail {
		fail(w, 50001, http.StatusInternalServerError, "internal server error")
		return
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(double.RetryAfter.Seconds())))
	fail(w, 42901, http.StatusTooManyRequests, "limit reached: too many requests")
}

func fail(w http.ResponseWriter, code, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"code":%d,"http":%d,"error":%q}`, code, status, text)
}

func publish(s *double.Server, w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		fail(w, 41301, http.StatusRequestEntityTooLarge, "message too large")
		return
	}
	var m struct {
		Topic    string `json:"topic"`
		Sequence string `json:"sequence_id"`
		Title    string `json:"title"`
		Message  string `json:"message"`
	}
	if json.Unmarshal(b, &m) != nil || m.Topic == "" {
		fail(w, 40024, http.StatusBadRequest, "invalid request: body must be valid JSON")
		return
	}
	if m.Sequence == "" {
		// A message's own id serves as its sequence id.
		m.Sequence = fmt.Sprintf("m%d", len(s.Tray.Screen(m.Topic)))
	}
	text := m.Message
	if text == "" {
		text = m.Title
	}
	s.Tray.Show(m.Topic, m.Sequence, text)
	answer(w, "message", m.Topic)
}

func answer(w http.ResponseWriter, event, topic string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"id":"hwQ2YpKdmg","event":%q,"topic":%q}`+"\n", event, topic)
}
