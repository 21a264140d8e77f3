package vivotest

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/double"
)

// What an adapter must be configured with.
const (
	AppID     = "10004"
	AppKey    = "key-of-the-double"
	AppSecret = "secret-of-the-double"
)

// The results the double answers.
const (
	badToken     = 10000
	badParameter = 10040
	tooOften     = 10093
	wrongApp     = 10094
	badSign      = 10206
	badDevice    = 10302
)

// notThere is the status of an invalid user that does not exist.
const notThere = 1

// Server is a double that can forget the tokens it gave.
type Server struct {
	*double.Server

	clock func() time.Time
	mu    sync.Mutex
	// tokens are what it gave, and until when each holds; an app may have several.
	tokens map[string]time.Time
	// saved are the texts for lists, by task.
	saved map[string]body
	given int
	shown int
}

// Start runs a server until its Close. It judges tokens by the clock.
func Start(clock func() time.Time) (*Server, error) {
	s := &Server{clock: clock, tokens: map[string]time.Time{}, saved: map[string]body{}}
	d, err := double.Start(double.Config{Handler: func(d *double.Server) http.Handler {
		mux := http.NewServeMux()
		mux.HandleFunc("POST /message/auth", s.auth)
		mux.HandleFunc("POST /message/saveListPayload", s.guard(s.save))
		for path, h := range map[string]func(http.ResponseWriter, body){
			"/message/send": s.send, "/message/pushToList": s.list, "/message/recall": s.recall,
		} {
			mux.HandleFunc("POST "+path, s.faulty(d, h))
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

// body is what requests hold, of all calls.
type body struct {
	AppID      int64           `json:"appId"`
	AppKey     string          `json:"appKey"`
	Timestamp  json.RawMessage `json:"timestamp"`
	Sign       string          `json:"sign"`
	RegID      string          `json:"regId"`
	RegIDs     []string        `json:"regIds"`
	TaskID     string          `json:"taskId"`
	NotifyType int             `json:"notifyType"`
	Title      string          `json:"title"`
	Content    string          `json:"content"`
	TimeToLive *int            `json:"timeToLive"`
	SkipType   int             `json:"skipType"`
	NotifyID   *int32          `json:"notifyId"`
	RequestID  string          `json:"requestId"`
}

type user struct {
	Device string `json:"userid"`
	Status int    `json:"status"`
}

func answer(w http.ResponseWriter, result int, text string, more map[string]any) {
	said := map[string]any{"result": result, "desc": text}
	for k, v := range more {
		said[k] = v
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_ = json.NewEncoder(w).Encode(said)
}

func trouble(w http.ResponseWriter, f double.Fault) {
	if f == double.Fail {
		http.Error(w, "Internet server error!", http.StatusInternalServerError)
		return
	}
	answer(w, tooOften, "called too often", nil)
}

func (s *Server) auth(w http.ResponseWriter, r *http.Request) {
	var b body
	if json.NewDecoder(r.Body).Decode(&b) != nil {
		answer(w, badParameter, "bad JSON", nil)
		return
	}
	sum := md5.Sum([]byte(AppID + AppKey + string(b.Timestamp) + AppSecret))
	if strconv.FormatInt(b.AppID, 10) != AppID || b.AppKey != AppKey ||
		subtle.ConstantTimeCompare([]byte(b.Sign), []byte(hex.EncodeToString(sum[:]))) != 1 {
		answer(w, badSign, "the sign is wrong", nil)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given++
	token := fmt.Sprintf("auth-token-%d", s.given)
	s.tokens[token] = s.clock().Add(24 * time.Hour)
	answer(w, 0, "ok", map[string]any{"authToken": token})
}

// guard checks the token, the app and the requestId, which every call has.
func (s *Server) guard(h func(http.ResponseWriter, body)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var b body
		decoded := json.NewDecoder(r.Body).Decode(&b)
		s.mu.Lock()
		until := s.tokens[r.Header.Get("authToken")]
		s.mu.Unlock()
		switch {
		case !s.clock().Before(until):
			answer(w, badToken, "the authToken does not hold", nil)
		case decoded != nil:
			answer(w, badParameter, "bad JSON", nil)
		case strconv.FormatInt(b.AppID, 10) != AppID:
			answer(w, wrongApp, "the appId differs", nil)
		case b.RequestID == "" || len(b.RequestID) > 64:
			answer(w, badParameter, "the requestId is not one", nil)
		default:
			h(w, b)
		}
	}
}

// faulty is guard for a command: it suffers faults once the token was checked.
func (s *Server) faulty(d *double.Server, h func(http.ResponseWriter, body)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.guard(func(w http.ResponseWriter, b body) {
			d.Command(trouble, func(w http.ResponseWriter, _ *http.Request) { h(w, b) })(w, r)
		})(w, r)
	}
}

// width counts a character outside ASCII as two.
func width(s string) (n int) {
	for _, r := range s {
		n++
		if r >= 0x80 {
			n++
		}
	}
	return n
}

// good reports whether a text keeps the documented limits.
func (b body) good() bool {
	title, content := width(b.Title), width(b.Content)
	return title > 0 && title <= 40 && content > 0 && content <= 100 &&
		b.NotifyType >= 1 && b.NotifyType <= 4 && b.SkipType >= 1 && b.SkipType <= 4 &&
		(b.TimeToLive == nil || *b.TimeToLive >= 900 && *b.TimeToLive <= 7*24*60*60)
}

func (s *Server) send(w http.ResponseWriter, b body) {
	switch {
	case !b.good() || b.RegID == "":
		answer(w, badParameter, "bad parameter", nil)
	case s.Dead(b.RegID):
		answer(w, badDevice, "the regId is invalid", map[string]any{"invalidUser": user{b.RegID, notThere}})
	default:
		s.show(b, b.RegID)
		answer(w, 0, "ok", map[string]any{"taskId": "1"})
	}
}

func (s *Server) save(w http.ResponseWriter, b body) {
	if !b.good() {
		answer(w, badParameter, "bad parameter", nil)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	task := strconv.Itoa(1000 + len(s.saved))
	s.saved[task] = b
	answer(w, 0, "ok", map[string]any{"taskId": task})
}

func (s *Server) list(w http.ResponseWriter, b body) {
	s.mu.Lock()
	saved, ok := s.saved[b.TaskID]
	s.mu.Unlock()
	if !ok || len(b.RegIDs) < 2 || len(b.RegIDs) > 1000 {
		answer(w, badParameter, "bad parameter", nil)
		return
	}
	s.each(w, b.RegIDs, func(device string) { s.show(saved, device) })
}

func (s *Server) recall(w http.ResponseWriter, b body) {
	if b.NotifyID == nil || *b.NotifyID < 0 || len(b.RegIDs) == 0 || len(b.RegIDs) > 1000 {
		answer(w, badParameter, "bad parameter", nil)
		return
	}
	s.each(w, b.RegIDs, func(device string) { s.Tray.Remove(device, strconv.Itoa(int(*b.NotifyID))) })
}

// each does something for every living device, and names the others.
func (s *Server) each(w http.ResponseWriter, devices []string, do func(device string)) {
	users := []user{}
	for _, d := range devices {
		if s.Dead(d) {
			users = append(users, user{d, notThere})
		} else {
			do(d)
		}
	}
	answer(w, 0, "ok", map[string]any{"invalidUsers": users})
}

// show puts a text on a screen, under an id of its own if it has none.
func (s *Server) show(b body, device string) {
	s.mu.Lock()
	s.shown++
	id := fmt.Sprintf("own-%d", s.shown)
	s.mu.Unlock()
	if b.NotifyID != nil {
		id = strconv.Itoa(int(*b.NotifyID))
	}
	s.Tray.Show(device, id, b.Content)
}
