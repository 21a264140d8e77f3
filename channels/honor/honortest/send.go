package honortest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// The limits of one call, taken from Huawei's.
const (
	maxTokens = 1000
	maxBody   = 4096
	maxTTL    = 1296000
)

// push is what the double knows of a send; anything else in one is an error, so
// that a misspelt field is noticed.
type push struct {
	Data    string `json:"data"`
	Android struct {
		TTL            string `json:"ttl"`
		BiTag          string `json:"biTag"`
		TargetUserType int    `json:"targetUserType"`
		Notification   struct {
			Title       string `json:"title"`
			Body        string `json:"body"`
			ClickAction *struct {
				Type   int    `json:"type"`
				Intent string `json:"intent"`
				URL    string `json:"url"`
			} `json:"clickAction"`
			Importance string `json:"importance"`
			NotifyID   *int   `json:"notifyId"`
			Tag        string `json:"tag"`
		} `json:"notification"`
	} `json:"android"`
	Token []string `json:"token"`
}

func (s *Server) send(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	var p push
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.DisallowUnknownFields()
	if err != nil || d.Decode(&p) != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		fail(w, http.StatusBadRequest, 80100003, "Illegal payload")
		return
	}
	if code, message := p.wrong(len(raw)); code != 0 {
		fail(w, http.StatusBadRequest, code, message)
		return
	}
	failed, expired := []string{}, []string{}
	for _, t := range p.Token {
		s.mu.Lock()
		busy := s.busy[t]
		s.mu.Unlock()
		switch {
		case s.Dead(t):
			expired = append(expired, t)
		case busy:
			failed = append(failed, t)
		default:
			s.show(t, p)
		}
	}
	answer(w, http.StatusOK, map[string]any{"code": 200, "message": "Success", "data": map[string]any{
		"sendResult": len(failed)+len(expired) < len(p.Token), "requestId": "104412345-fd96648b6bb4344b",
		"failTokens": failed, "expireTokens": expired,
	}})
}

// wrong returns the code for what is wrong with a send, 0 for nothing.
func (p push) wrong(size int) (code int, message string) {
	n := p.Android.Notification
	for _, t := range p.Token {
		size -= len(t) + len(`"",`)
	}
	switch {
	case len(p.Token) == 0 || len(p.Token) > maxTokens:
		return 80300010, "token count is wrong"
	case size > maxBody:
		return 80300008, "message is too long"
	case n.Title == "" || n.Body == "" || n.ClickAction == nil || n.ClickAction.Type < 1 || n.ClickAction.Type > 3:
		return 80100003, "Illegal payload"
	case n.Importance != "" && n.Importance != "NORMAL" && n.Importance != "LOW":
		return 80100001, "importance is wrong"
	case n.NotifyID != nil && *n.NotifyID < -1:
		return 80100001, "notifyId is wrong"
	case p.Android.TTL != "":
		s, err := strconv.Atoi(strings.TrimSuffix(p.Android.TTL, "s"))
		if err != nil || s < 1 || s > maxTTL {
			return 80100001, "ttl is wrong"
		}
	}
	return 0, ""
}

// show does what a device does with a notification.
func (s *Server) show(token string, p push) {
	n := p.Android.Notification
	id := n.Tag
	if n.NotifyID != nil && *n.NotifyID >= 0 {
		id = strconv.Itoa(*n.NotifyID)
	}
	if id == "" {
		s.mu.Lock()
		s.made++
		id = fmt.Sprintf("made-up-%d", s.made)
		s.mu.Unlock()
	}
	s.Tray.Show(token, id, n.Body)
}
