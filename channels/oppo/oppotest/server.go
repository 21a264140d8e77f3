package oppotest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/recall-ledger/recall-ledger/channels/double"
)

// What an adapter must be configured with.
const (
	AppKey       = "key-of-the-double"
	MasterSecret = "secret-of-the-double"
	// Overseas is the path under which devices outside China are reached.
	Overseas = "/overseas"
)

// The return codes the double answers.
const (
	unavailable  = -1
	flowControl  = -2
	badAuthToken = 11
	badAppKey    = 14
	badSign      = 16
	badTimestamp = 19
	noAuthToken  = 29
	badArguments = 41
	badDevice    = 10000
)

// Server is a double that can forget the tokens it gave.
type Server struct {
	*double.Server

	clock func() time.Time
	mu    sync.Mutex
	// tokens are what it gave, by region, and until when each holds.
	tokens map[string]time.Time
	given  int
	// seen are the app_message_ids each device got.
	seen map[string]bool
	auto int
}

// Start runs a server until its Close. It judges tokens by the clock.
func Start(clock func() time.Time) (*Server, error) {
	s := &Server{clock: clock, tokens: map[string]time.Time{}, seen: map[string]bool{}}
	d, err := double.Start(double.Config{Handler: func(d *double.Server) http.Handler {
		s.Server = d
		mux := http.NewServeMux()
		for _, region := range []string{"", Overseas} {
			mux.HandleFunc("POST "+region+"/server/v1/auth", func(w http.ResponseWriter, r *http.Request) { s.auth(region, w, r) })
			mux.HandleFunc("POST "+region+"/server/v1/message/notification/unicast_batch",
				s.guard(region, d.Command(trouble, func(w http.ResponseWriter, r *http.Request) { s.send(region, w, r) })))
		}
		return mux
	}})
	if err != nil {
		return nil, err
	}
	s.Server = d
	return s, nil
}

// Forget makes every token that was given invalid.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// Given returns how many tokens were given.
func (s *Server) Given() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.given
}

func answer(w http.ResponseWriter, code int, text string, data any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_ = json.NewEncoder(w).Encode(map[string]any{"code": code, "message": text, "data": data})
}

func trouble(w http.ResponseWriter, f double.Fault) {
	if f == double.Fail {
		answer(w, unavailable, "Service Currently Unavailable", nil)
		return
	}
	answer(w, flowControl, "Service in Flow Control", nil)
}

func (s *Server) auth(region string, w http.ResponseWriter, r *http.Request) {
	at := r.PostFormValue("timestamp")
	millis, err := strconv.ParseInt(at, 10, 64)
	now := s.clock()
	sum := sha256.Sum256([]byte(AppKey + at + MasterSecret))
	switch {
	case r.PostFormValue("app_key") != AppKey:
		answer(w, badAppKey, "Invalid App Key", nil)
	case err != nil || now.Sub(time.UnixMilli(millis)).Abs() > 10*time.Minute:
		answer(w, badTimestamp, "Invalid Timestamp", nil)
	case subtle.ConstantTimeCompare([]byte(r.PostFormValue("sign")), []byte(hex.EncodeToString(sum[:]))) != 1:
		answer(w, badSign, "Invalid Signature", nil)
	default:
		s.mu.Lock()
		s.given++
		token := fmt.Sprintf("auth-token-%d", s.given)
		s.tokens[region+token] = now.Add(24 * time.Hour)
		s.mu.Unlock()
		answer(w, 0, "Success", map[string]any{"auth_token": token, "create_time": now.UnixMilli()})
	}
}

func (s *Server) guard(region string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token := r.PostFormValue("auth_token")
		s.mu.Lock()
		until := s.tokens[region+token]
		s.mu.Unlock()
		switch {
		case token == "":
			answer(w, noAuthToken, "Missing Auth Token", nil)
		case !s.clock().Before(until):
			answer(w, badAuthToken, "Invalid AuthToken", nil)
		default:
			h(w, r)
		}
	}
}

type message struct {
	TargetType   int    `json:"target_type"`
	TargetValue  string `json:"target_value"`
	Notification struct {
		AppMessageID string `json:"app_message_id"`
		Style        int    `json:"style"`
		Title        string `json:"title"`
		Content      string `json:"content"`
		OffLineTTL   int64  `json:"off_line_ttl"`
		NotifyID     *int32 `json:"notify_id"`
	} `json:"notification"`
}

// good reports whether a message keeps the documented limits.
func (m message) good() bool {
	n := m.Notification
	title, content := utf8.RuneCountInString(n.Title), utf8.RuneCountInString(n.Content)
	return m.TargetType == 2 && n.Style == 1 &&
		title >= 1 && title <= 50 && content >= 1 && content <= 200 &&
		n.OffLineTTL >= 0 && n.OffLineTTL <= 10*24*60*60
}

// home reports whether a registration id belongs to a device in China, by the rule
// on the page of addresses.
func home(id string) bool {
	p := strings.Split(id, "_")
	switch len(p) {
	case 2:
		return p[0] == "CN"
	case 3:
		return p[1] == "CN"
	}
	return true
}

func (s *Server) send(region string, w http.ResponseWriter, r *http.Request) {
	var list []message
	if json.Unmarshal([]byte(r.PostFormValue("messages")), &list) != nil || len(list) == 0 || len(list) > 1000 {
		answer(w, badArguments, "Invalid Arguments", nil)
		return
	}
	for _, m := range list {
		if !m.good() {
			answer(w, badArguments, "Invalid Arguments", nil)
			return
		}
	}
	items := make([]map[string]any, len(list))
	for i, m := range list {
		items[i] = map[string]any{"messageId": fmt.Sprintf("app-1-1-%d", i), "registrationId": m.TargetValue}
		if s.Dead(m.TargetValue) || home(m.TargetValue) != (region == "") {
			items[i]["errorCode"], items[i]["errorMessage"] = badDevice, "Invalid Registration_id"
			continue
		}
		s.show(m)
	}
	answer(w, 0, "Success", items)
}

func (s *Server) show(m message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key := m.TargetValue + "\n" + m.Notification.AppMessageID; m.Notification.AppMessageID != "" {
		if s.seen[key] {
			return
		}
		s.seen[key] = true
	}
	id := ""
	if m.Notification.NotifyID != nil {
		id = strconv.Itoa(int(*m.Notification.NotifyID))
	} else {
		s.auto++
		id = fmt.Sprintf("auto-%d", s.auto)
	}
	s.Tray.Show(m.TargetValue, id, m.Notification.Content)
}
