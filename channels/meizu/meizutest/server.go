package meizutest

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"sort"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/recall-ledger/recall-ledger/channels/double"
)

// The credentials of the app the server knows.
const (
	AppID     = "100999"
	AppSecret = "secret-of-the-double"
)

// Task is an id in the form of the server's own.
const Task = "20457"

// maxIDs is how many push ids one call takes.
const maxIDs = 1000

// maxBody is what the server reads of a form, in bytes.
const maxBody = 256 << 10

// Server is the double.
type Server struct {
	*double.Server
	key *regexp.Regexp

	mu        sync.Mutex
	cancelled map[string]bool
	pushes    int
}

// Start runs a server until its Close. All doubles are started alike; this one has
// no use for a clock.
func Start(_ func() time.Time) (*Server, error) {
	s := &Server{key: regexp.MustCompile(`^[0-9A-Za-z_-]{1,8}$`), cancelled: map[string]bool{}}
	_, err := double.Start(double.Config{Handler: func(d *double.Server) http.Handler {
		s.Server = d
		mux := http.NewServeMux()
		mux.HandleFunc("POST /garcia/api/server/push/varnished/pushByPushId", guard(d.Command(trouble, s.push)))
		mux.HandleFunc("POST /garcia/api/server/push/pushTask/cancel", guard(d.Command(trouble, s.cancel)))
		return mux
	}})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// guard checks the app and the signature over every other parameter.
func guard(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		switch {
		case r.ParseForm() != nil || r.URL.RawQuery != "":
			answer(w, "1005", "parameter error", "")
		case r.PostForm.Get("appId") != AppID:
			answer(w, "110000", "illegal appId", "")
		case r.PostForm.Get("sign") != signature(r.PostForm):
			answer(w, "1006", "signature error", "")
		default:
			h(w, r)
		}
	}
}

func signature(form url.Values) string {
	pairs := make([]string, 0, len(form))
	for name := range form {
		if name != "sign" {
			pairs = append(pairs, name)
		}
	}
	sort.Strings(pairs)
	for i, name := range pairs {
		pairs[i] = name + "=" + form.Get(name)
	}
	sum := md5.Sum([]byte(strings.Join(pairs, "") + AppSecret))
	return hex.EncodeToString(sum[:])
}

func trouble(w http.ResponseWriter, f double.Fault) {
	if f == double.Fail {
		answer(w, "1003", "server busy", "")
		return
	}
	answer(w, "110010", "the app's requests are above the limit", "")
}

// answer writes Meizu's form: the code is a text, the HTTP status always 200.
func answer(w http.ResponseWriter, code, text string, value any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(map[string]any{"code": code, "message": text, "value": value, "redirect": ""})
}

// content is the part of messageJson that the server looks at.
type content struct {
	NoticeBarInfo struct {
		Title   string `json:"title"`
		Content string `json:"content"`
	} `json:"noticeBarInfo"`
	PushTimeInfo struct {
		OffLine   int `json:"offLine"`
		ValidTime int `json:"validTime"`
	} `json:"pushTimeInfo"`
	AdvanceInfo struct {
		NotifyKey *string `json:"notifyKey"`
	} `json:"advanceInfo"`
}

// wrong says what the documented limits forbid, "" where nothing is.
func (s *Server) wrong(c content) string {
	title, text := utf8.RuneCountInString(c.NoticeBarInfo.Title), utf8.RuneCountInString(c.NoticeBarInfo.Content)
	switch {
	case title < 1 || title > 32:
		return "title must be 1 to 32 characters"
	case text < 1 || text > 100:
		return "content must be 1 to 100 characters"
	case c.PushTimeInfo.OffLine == 1 && (c.PushTimeInfo.ValidTime < 1 || c.PushTimeInfo.ValidTime > 72):
		return "validTime must be 1 to 72"
	case c.AdvanceInfo.NotifyKey != nil && *c.AdvanceInfo.NotifyKey != "" && !s.key.MatchString(*c.AdvanceInfo.NotifyKey):
		return "notifyKey must be at most 8 of 0-9, a-z, A-Z, _ and -"
	}
	return ""
}

func (s *Server) push(w http.ResponseWriter, r *http.Request) {
	var c content
	ids := strings.Split(r.PostForm.Get("pushIds"), ",")
	switch wrong := ""; {
	case r.PostForm.Get("pushIds") == "" || r.PostForm.Get("messageJson") == "":
		answer(w, "110004", "a parameter is empty", "")
		return
	case len(ids) > maxIDs:
		answer(w, "1005", "more than 1000 pushIds", "")
		return
	case json.Unmarshal([]byte(r.PostForm.Get("messageJson")), &c) != nil:
		answer(w, "1005", "messageJson is no JSON", "")
		return
	default:
		if wrong = s.wrong(c); wrong != "" {
			answer(w, "1005", wrong, "")
			return
		}
	}
	s.mu.Lock()
	s.pushes++
	id := fmt.Sprintf("push-%d", s.pushes)
	s.mu.Unlock()
	if k := c.AdvanceInfo.NotifyKey; k != nil && *k != "" {
		id = *k
	}
	failures := map[string][]string{}
	for _, device := range ids {
		if s.Dead(device) {
			failures["110002"] = append(failures["110002"], device)
			continue
		}
		s.show(device, id, c.NoticeBarInfo.Content)
	}
	answer(w, "200", "", failures)
}

// show puts a text on a screen, or in place of what waits for a device that is
// offline.
func (s *Server) show(device, id, text string) {
	if _, shown := s.Tray.Text(device, id); !shown && s.Tray.Withhold(device, id) {
		s.Tray.Wait(device, id, text)
		return
	}
	s.Tray.Show(device, id, text)
}

func (s *Server) cancel(w http.ResponseWriter, r *http.Request) {
	task := r.PostForm.Get("taskId")
	if t := r.PostForm.Get("pushType"); t != "0" && t != "1" {
		answer(w, "1005", "pushType must be 0 or 1", "")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.cancelled[task]:
		answer(w, "500", "任务已取消[已完成]，无法取消", "")
	case !s.Tray.RemoveSend(task, false):
		answer(w, "110032", "illegal taskId", "")
	default:
		s.cancelled[task] = true
		answer(w, "200", "", map[string]bool{"result": true})
	}
}
