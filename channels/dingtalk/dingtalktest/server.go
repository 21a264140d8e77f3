package dingtalktest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/double"
)

// What the server accepts.
const (
	AppKey    = "dingdouble"
	AppSecret = "secret_of_the_double"
	AgentID   = 256271667
)

// The codes for a task that is not known and for one older than 24 hours are on no
// page that could be read. These two are the double's own, not DingTalk's.
const (
	CodeUnknown = "double.task.unknown"
	CodeTooOld  = "double.task.too-old"
)

// Server is the double.
type Server struct {
	*double.Server

	tokens double.Tokens

	mu    sync.Mutex
	old   map[string]bool
	sent  map[string]bool
	tasks int
}

// Start runs a server until its Close. All doubles are started alike; this one has
// no use for a clock.
func Start(_ func() time.Time) (*Server, error) {
	d := &Server{old: map[string]bool{}, sent: map[string]bool{}}
	_, err := double.Start(double.Config{Handler: func(s *double.Server) http.Handler {
		d.Server = s
		mux := http.NewServeMux()
		mux.HandleFunc("GET /gettoken", d.token)
		mux.HandleFunc("POST /topapi/message/corpconversation/recall", d.guard(s.Command(trouble, d.recall)))
		mux.HandleFunc("POST /topapi/message/corpconversation/asyncsend_v2", d.guard(s.Command(trouble, d.send)))
		mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 22, "", "Invalid method") })
		return mux
	}})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Age makes a task older than the 24 hours in which it can be taken back.
func (d *Server) Age(task string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.old[task] = true
}

// Expire ends the access token, as after two hours.
func (d *Server) Expire() { d.tokens.Expire() }

// token answers the same token as long as that holds, as DingTalk does. Its
// failures are not under errcode 88.
func (d *Server) token(w http.ResponseWriter, r *http.Request) {
	d.Note(r)
	q := r.URL.Query()
	switch {
	case q.Get("appkey") == "":
		refuse(w, 40035, "", "missing parameter corpid or appkey")
		return
	case q.Get("appkey") != AppKey, q.Get("appsecret") != AppSecret:
		refuse(w, 40096, "", "invalid appKey or appSecret")
		return
	}
	write(w, map[string]any{"errcode": 0, "errmsg": "ok", "access_token": d.tokens.Current(), "expires_in": 7200})
}

func (d *Server) guard(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t := r.URL.Query().Get("access_token")
		known, holds := d.tokens.Check(t)
		switch {
		case t == "":
			refuse(w, 88, "40000", "access_token is blank")
		case !known:
			refuse(w, 88, "40014", "invalid access_token")
		case !holds:
			refuse(w, 88, "42001", "access_token expired")
		default:
			h(w, r)
		}
	}
}

func trouble(w http.ResponseWriter, f double.Fault) {
	if f == double.Fail {
		refuse(w, -1, "", "system busy")
		return
	}
	refuse(w, 88, "90018", "call frequency limit of the application")
}

func (d *Server) recall(w http.ResponseWriter, r *http.Request) {
	var m struct {
		AgentID *int64 `json:"agent_id"`
		TaskID  *int64 `json:"msg_task_id"`
	}
	if json.NewDecoder(r.Body).Decode(&m) != nil || m.AgentID == nil || m.TaskID == nil || *m.AgentID != AgentID {
		refuse(w, 400002, "", "invalid parameter")
		return
	}
	task := strconv.FormatInt(*m.TaskID, 10)
	d.mu.Lock()
	old := d.old[task]
	d.mu.Unlock()
	switch {
	case old:
		refuse(w, 88, CodeTooOld, "the double: the task is older than 24 hours")
	case !d.Tray.RemoveSend(task, true):
		refuse(w, 88, CodeUnknown, "the double: the task is not known")
	default:
		write(w, map[string]any{"errcode": 0, "errmsg": "ok"})
	}
}

func refuse(w http.ResponseWriter, code int, sub, text string) {
	said := map[string]any{"errcode": code, "errmsg": text, "request_id": "5imjny7u9xwa"}
	if sub != "" {
		said["errmsg"] = "ding talk error[subcode=" + sub + ",submsg=" + text + "]"
		said["sub_code"], said["sub_msg"] = sub, text
	}
	write(w, said)
}

func write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(v) // an answer nobody takes any more
}
