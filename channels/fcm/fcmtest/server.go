package fcmtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/recall-ledger/recall-ledger/channels/double"
)

// Project is the Firebase project the server knows.
const Project = "demo-shop"

// maxPayload is what the texts of a message may have, in bytes.
const maxPayload = 4096

// Server is a running double.
type Server struct {
	*double.Server
	bank *bank
}

// Start runs a server until its Close. It judges tokens by the clock.
func Start(clock func() time.Time) (*Server, error) {
	b := &bank{clock: clock, given: map[string]time.Time{}}
	s, err := double.Start(double.Config{Handler: func(s *double.Server) http.Handler {
		mux := http.NewServeMux()
		mux.HandleFunc("POST /token", b.exchange)
		mux.HandleFunc("POST /v1/projects/{project}/messages:send",
			b.guard(s.Command(trouble, func(w http.ResponseWriter, r *http.Request) { send(s, w, r) })))
		return mux
	}})
	if err != nil {
		return nil, err
	}
	b.setAudience(s.URL + "/token")
	return &Server{Server: s, bank: b}, nil
}

func trouble(w http.ResponseWriter, f double.Fault) {
	if f == double.Fail {
		refuse(w, http.StatusInternalServerError, "INTERNAL", "INTERNAL")
		return
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(double.RetryAfter.Seconds())))
	refuse(w, http.StatusTooManyRequests, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")
}

// refuse answers as Google's services do; code is FCM's own, "" where the gateway
// answers. Each field is named as wrong.
func refuse(w http.ResponseWriter, status int, name, code string, fields ...string) {
	details := []any{}
	if code != "" {
		details = append(details, map[string]string{
			"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code,
		})
	}
	for _, f := range fields {
		details = append(details, map[string]any{
			"@type":           "type.googleapis.com/google.rpc.BadRequest",
			"fieldViolations": []map[string]string{{"field": f, "description": "is not valid"}},
		})
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"error": map[string]any{"code": status, "message": "refused", "status": name, "details": details},
	})
}

// message is what the server reads of a message.
type message struct {
	Token        string `json:"token"`
	Notification *struct {
		Title string `json:"title"`
		Body  string `json:"body"`
	} `json:"notification"`
	Data    map[string]string `json:"data"`
	Android struct {
		Priority     string `json:"priority"`
		Notification struct {
			Tag string `json:"tag"`
		} `json:"notification"`
	} `json:"android"`
}

func send(s *double.Server, w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(io.LimitReader(r.Body, 4*maxPayload))
	var body struct {
		Message message `json:"message"`
	}
	if err != nil || json.Unmarshal(b, &body) != nil {
		refuse(w, http.StatusBadRequest, "INVALID_ARGUMENT", "")
		return
	}
	m := body.Message
	switch {
	case strings.Trim(m.Token, tokenLetters) != "" || m.Token == "":
		refuse(w, http.StatusBadRequest, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.token")
		return
	case m.size() > maxPayload:
		refuse(w, http.StatusBadRequest, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message")
		return
	case s.Dead(m.Token):
		refuse(w, http.StatusNotFound, "NOT_FOUND", "UNREGISTERED")
		return
	}
	id := uuid.NewString()
	if m.Notification != nil {
		draw(s, id, m)
	} else {
		obey(s, id, m)
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	fmt.Fprintf(w, `{"name":"projects/%s/messages/%s"}`, Project, id)
}

// tokenLetters are what a registration token is made of.
const tokenLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:-"

// size is what the texts of a message have, in bytes.
func (m message) size() int {
	n := 0
	for k, v := range m.Data {
		n += len(k) + len(v)
	}
	if m.Notification != nil {
		n += len(m.Notification.Title) + len(m.Notification.Body)
	}
	return n
}

// draw is what Android does with a notification message: one with the same tag
// takes the old one's place.
func draw(s *double.Server, id string, m message) {
	if m.Android.Notification.Tag != "" {
		id = m.Android.Notification.Tag
	}
	if text := either(m.Notification.Body, m.Notification.Title); text != "" {
		s.Tray.Show(m.Token, id, text)
	}
}

// obey is the app's half of a data message. A device in doze gets it only with high
// priority.
func obey(s *double.Server, id string, m message) {
	text := either(m.Data["body"], m.Data["title"])
	slot := m.Data["recall"]
	switch {
	case m.Android.Priority != "HIGH":
	case text != "":
		s.Tray.Show(m.Token, either(slot, id), text)
	case slot != "":
		s.Tray.Remove(m.Token, slot)
	}
}

func either(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
