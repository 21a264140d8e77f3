package huaweitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// The limits of one call.
const (
	maxTokens = 1000
	maxBody   = 4096
	maxTTL    = 1296000
)

// push is what the double knows of a send; anything else in one is an error, so
// that a misspelt field is noticed.
type push struct {
	ValidateOnly bool `json:"validate_only"`
	Message      struct {
		Data         string `json:"data"`
		Notification text   `json:"notification"`
		Android      struct {
			Category     string `json:"category"`
			CollapseKey  *int   `json:"collapse_key"`
			TTL          string `json:"ttl"`
			BiTag        string `json:"bi_tag"`
			Notification struct {
				text
				ClickAction *struct {
					Type   int    `json:"type"`
					Intent string `json:"intent"`
					URL    string `json:"url"`
				} `json:"click_action"`
				Tag        string `json:"tag"`
				NotifyID   *int   `json:"notify_id"`
				Importance string `json:"importance"`
			} `json:"notification"`
		} `json:"android"`
		Token []string `json:"token"`
	} `json:"message"`
}

type text struct {
	Title string `json:"title"`
	Body  string `json:"body"`
}

func (s *Server) send(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	var p push
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err != nil || d.Decode(&p) != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		business(w, http.StatusBadRequest, "80100003", "Illegal payload")
		return
	}
	if code, msg := p.wrong(len(raw)); code != "" {
		business(w, http.StatusBadRequest, code, msg)
		return
	}
	var illegal []string
	for _, t := range p.Message.Token {
		if s.Dead(t) {
			illegal = append(illegal, t)
		}
	}
	if len(illegal) == len(p.Message.Token) {
		business(w, http.StatusOK, "80300007", "All the tokens are invalid")
		return
	}
	for _, t := range p.Message.Token {
		if !s.Dead(t) {
			s.show(t, p)
		}
	}
	if len(illegal) > 0 {
		msg, _ := json.Marshal(map[string]any{
			"success": len(p.Message.Token) - len(illegal), "failure": len(illegal), "illegal_tokens": illegal,
		})
		business(w, http.StatusOK, "80100000", string(msg))
		return
	}
	business(w, http.StatusOK, "80000000", "Success")
}

// wrong returns the business code for what is wrong with a send, "" for nothing.
func (p push) wrong(size int) (code, msg string) {
	n := p.Message.Android.Notification
	for _, t := range p.Message.Token {
		size -= len(t) + len(`"",`)
	}
	switch {
	case len(p.Message.Token) == 0 || len(p.Message.Token) > maxTokens:
		return "80300010", fmt.Sprintf("token count should within 1 and %d", maxTokens)
	case size > maxBody:
		return "80300008", "Push message size is too long"
	case n.Title == "" && p.Message.Notification.Title == "":
		return "80100003", "Illegal payload, title is empty"
	case n.Body == "" && p.Message.Notification.Body == "":
		return "80100003", "Illegal payload, body is empty"
	case n.ClickAction == nil || n.ClickAction.Type < 1 || n.ClickAction.Type > 3:
		return "80100003", "Illegal payload, click_action is wrong"
	case n.NotifyID != nil && *n.NotifyID < -1:
		return "80100001", "notify_id is wrong"
	case p.Message.Android.TTL != "" && !ttl(p.Message.Android.TTL):
		return "80100001", "ttl is wrong"
	}
	return "", ""
}

func ttl(s string) bool {
	n, err := strconv.Atoi(strings.TrimSuffix(s, "s"))
	return err == nil && n > 0 && n <= maxTTL
}

// show does what a device does with a notification.
func (s *Server) show(token string, p push) {
	n := p.Message.Android.Notification
	said := n.Body
	if said == "" {
		said = p.Message.Notification.Body
	}
	var id string
	switch {
	case strings.HasPrefix(token, OldPrefix): // never replaces
	case n.NotifyID != nil && *n.NotifyID >= 0:
		id = strconv.Itoa(*n.NotifyID)
	case n.Tag != "":
		id = n.Tag
	}
	if id == "" {
		s.mu.Lock()
		s.made++
		id = fmt.Sprintf("made-up-%d", s.made)
		s.mu.Unlock()
	}
	s.Tray.Show(token, id, said)
}
