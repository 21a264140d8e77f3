package harmonytest

import (
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
	maxID     = 1<<31 - 1
)

// revocation and push are what the double knows of the bodies; anything else in
// one is an error, so that a misspelt field is noticed.
type revocation struct {
	NotifyID *int64   `json:"notifyId"`
	Token    []string `json:"token"`
}

type push struct {
	Payload struct {
		Notification *struct {
			Category    string `json:"category"`
			Title       string `json:"title"`
			Body        string `json:"body"`
			ClickAction *struct {
				Type   *int            `json:"actionType"`
				Action string          `json:"action"`
				URI    string          `json:"uri"`
				Data   json.RawMessage `json:"data"`
			} `json:"clickAction"`
			NotifyID       *int64 `json:"notifyId"`
			ForegroundShow *bool  `json:"foregroundShow"`
		} `json:"notification"`
	} `json:"payload"`
	Target struct {
		Token []string `json:"token"`
	} `json:"target"`
	Options struct {
		TestMessage bool   `json:"testMessage"`
		TTL         *int   `json:"ttl"`
		BiTag       string `json:"biTag"`
		CollapseKey *int   `json:"collapseKey"`
	} `json:"pushOptions"`
}

// body reads a body into v and returns its size.
func body(r *http.Request, v any) (int, error) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return 0, fmt.Errorf("content type %q", r.Header.Get("Content-Type"))
	}
	count := &counter{r: io.LimitReader(r.Body, 1<<20)}
	d := json.NewDecoder(count)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	return count.n, err
}

type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += n
	return n, err
}

// limits returns the business code for a call that is too large, "" for none.
func limits(tokens []string, size int) (code, msg string) {
	for _, t := range tokens {
		size -= len(t) + len(`"",`)
	}
	switch {
	case len(tokens) == 0 || len(tokens) > maxTokens:
		return "80300010", fmt.Sprintf("token count should within 1 and %d.", maxTokens)
	case size > maxBody:
		return "80300008", "Push message size is too long."
	}
	return "", ""
}

func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	var v revocation
	size, err := body(r, &v)
	if err != nil {
		business(w, http.StatusBadRequest, "80100003", "Illegal payload, wrong structure.")
		return
	}
	if code, msg := limits(v.Token, size); code != "" {
		business(w, http.StatusBadRequest, code, msg)
		return
	}
	switch {
	case v.NotifyID == nil:
		business(w, http.StatusBadRequest, "80300032", "No permission to revoke messages.")
		return
	case *v.NotifyID < 0 || *v.NotifyID > maxID:
		business(w, http.StatusBadRequest, "80100001", "Check Parameter Error.")
		return
	}
	good := 0
	for _, t := range v.Token {
		if !s.Dead(t) {
			good++
			s.Tray.Remove(t, strconv.FormatInt(*v.NotifyID, 10))
		}
	}
	if good == 0 {
		business(w, http.StatusOK, "80300007", "All the tokens are invalid.")
		return
	}
	business(w, http.StatusOK, "80000000", "Success")
}

func (s *Server) send(w http.ResponseWriter, r *http.Request) {
	var p push
	size, err := body(r, &p)
	if err != nil {
		business(w, http.StatusBadRequest, "80100003", "Illegal payload, wrong structure.")
		return
	}
	code, msg := limits(p.Target.Token, size)
	if code == "" {
		code, msg = p.wrong()
	}
	if code != "" {
		business(w, http.StatusBadRequest, code, msg)
		return
	}
	var illegal []string
	for _, t := range p.Target.Token {
		if s.Dead(t) {
			illegal = append(illegal, t)
		} else {
			s.show(t, p)
		}
	}
	if len(illegal) == 0 {
		business(w, http.StatusOK, "80000000", "Success")
		return
	}
	said, _ := json.Marshal(map[string]any{
		"failure": len(illegal), "illegalTokens": map[string][]string{"tokenFormatError": illegal},
	})
	code = "80100000"
	if len(illegal) == len(p.Target.Token) {
		code = "80300007"
	}
	business(w, http.StatusOK, code, string(said))
}

// wrong returns the business code for what is wrong with a send, "" for nothing.
func (p push) wrong() (code, msg string) {
	n := p.Payload.Notification
	switch {
	case n == nil || n.Category == "" || n.Title == "" || n.Body == "" || n.ClickAction == nil || n.ClickAction.Type == nil:
		return "80100003", "Illegal payload, a required field is missing."
	case *n.ClickAction.Type != 0 && *n.ClickAction.Type != 1:
		return "80100001", "Check Parameter Error."
	case n.NotifyID != nil && (*n.NotifyID < -1 || *n.NotifyID > maxID):
		return "80100001", "Check Parameter Error."
	case p.Options.TTL != nil && (*p.Options.TTL < 1 || *p.Options.TTL > maxTTL):
		return "80100004", "Illegal expire time."
	}
	return "", ""
}

// show does what a device does with a notification.
func (s *Server) show(token string, p push) {
	n := p.Payload.Notification
	var id string
	if n.NotifyID != nil && *n.NotifyID >= 0 {
		id = strconv.FormatInt(*n.NotifyID, 10)
	} else {
		s.mu.Lock()
		s.made++
		id = fmt.Sprintf("made-up-%d", s.made)
		s.mu.Unlock()
	}
	s.Tray.Show(token, id, n.Body)
}
