package xiaomitest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/recall-ledger/recall-ledger/channels/double"
)

// What an adapter must be configured with.
const (
	AppSecret = "secret-of-the-double"
	Package   = "com.example.shop"
)

// maxTargets is how many targets one call takes.
const maxTargets = 1000

// The codes the double answers (pId=1560).
const (
	systemError  = 10001
	illegalValue = 10017
	tooOften     = 10027
	sendFailed   = 20301
	authFailed   = 21301
	wrongPackage = 22022
	notFound     = 65028
)

// target is a way to name recipients: the parameter of a send and of a revoke, and
// what stands before the name in the notation of screens.
type target struct{ send, revoke, prefix string }

// Server is the double.
type Server struct{ *double.Server }

// Start runs a server until its Close. All doubles are started alike; this one has
// no use for a clock.
func Start(_ func() time.Time) (*Server, error) {
	s, err := double.Start(double.Config{Handler: func(s *double.Server) http.Handler {
		mux := http.NewServeMux()
		handle := func(path string, h http.HandlerFunc) {
			mux.HandleFunc("POST "+path, guard(s.Command(trouble, h)))
		}
		for path, t := range map[string]target{
			"/v3/message/regid":        {send: "registration_id"},
			"/v3/message/alias":        {send: "alias", prefix: "alias:"},
			"/v2/message/user_account": {send: "user_account", prefix: "account:"},
		} {
			handle(path, func(w http.ResponseWriter, r *http.Request) { send(s, t, w, r) })
		}
		for path, t := range map[string]target{
			"/v3/message/regid/revoke":        {revoke: "registration_ids"},
			"/v3/message/alias/revoke":        {revoke: "aliases", prefix: "alias:"},
			"/v3/message/user_account/revoke": {revoke: "user_accounts", prefix: "account:"},
		} {
			handle(path, func(w http.ResponseWriter, r *http.Request) { revoke(s, t, w, r) })
		}
		handle("/v1/message/switch/stop_by_id", func(w http.ResponseWriter, r *http.Request) { stop(s, w, r) })
		return mux
	}})
	if err != nil {
		return nil, err
	}
	return &Server{s}, nil
}

// guard checks the key and the package, which every call names.
func guard(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "key="+AppSecret:
			fail(w, authFailed, "authentication failed")
		case r.PostFormValue("restricted_package_name") != Package:
			fail(w, wrongPackage, "illegal package name")
		default:
			h(w, r)
		}
	}
}

func trouble(w http.ResponseWriter, f double.Fault) {
	if f == double.Fail {
		fail(w, systemError, "system error")
		return
	}
	fail(w, tooOften, "the application calls too often")
}

type reply struct {
	Result      string            `json:"result"`
	Code        int               `json:"code"`
	Description string            `json:"description"`
	Reason      string            `json:"reason,omitempty"`
	Data        map[string]string `json:"data,omitempty"`
	Trace       string            `json:"trace_id"`
}

func answer(w http.ResponseWriter, r reply) {
	r.Trace = "Xdm01b12345678901234xx"
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_ = json.NewEncoder(w).Encode(r)
}

func fail(w http.ResponseWriter, code int, text string) {
	answer(w, reply{Result: "error", Code: code, Description: text, Reason: text})
}

// screens reads a list of targets. It answers itself when the list is not good.
func screens(w http.ResponseWriter, list, prefix string) ([]string, bool) {
	names := strings.Split(list, ",")
	if list == "" || len(names) > maxTargets {
		fail(w, illegalValue, "illegal number of targets")
		return nil, false
	}
	for i := range names {
		names[i] = prefix + names[i]
	}
	return names, true
}

// notifyID reports whether a notify_id is one.
func notifyID(id string) bool {
	n, err := strconv.ParseInt(id, 10, 32)
	return err == nil && n >= 0
}

func send(s *double.Server, t target, w http.ResponseWriter, r *http.Request) {
	devices, ok := screens(w, r.PostFormValue(t.send), t.prefix)
	if !ok {
		return
	}
	title, text, id := r.PostFormValue("title"), r.PostFormValue("description"), r.PostFormValue("notify_id")
	switch {
	case strings.TrimSpace(title) == "" || utf8.RuneCountInString(title) >= 50,
		strings.TrimSpace(text) == "" || utf8.RuneCountInString(text) >= 128,
		r.PostFormValue("pass_through") != "0",
		id != "" && !notifyID(id):
		fail(w, illegalValue, "illegal parameter value")
		return
	}
	var bad []string
	for _, d := range devices {
		if s.Dead(d) {
			bad = append(bad, strings.TrimPrefix(d, t.prefix))
		}
	}
	if len(bad) == len(devices) {
		fail(w, sendFailed, "no valid targets")
		return
	}
	for _, d := range devices {
		if !s.Dead(d) {
			// Without an id the app has one notification at a time.
			s.Tray.Show(d, id, text)
		}
	}
	data := map[string]string{"id": "slm01b12345678901234xx"}
	if len(bad) > 0 {
		data["bad_regids"] = strings.Join(bad, ",")
	}
	answer(w, reply{Result: "ok", Description: "ok", Data: data})
}

// revoke answers success for whatever it finds, as the documented Result has
// nothing to say it with.
func revoke(s *double.Server, t target, w http.ResponseWriter, r *http.Request) {
	devices, ok := screens(w, r.PostFormValue(t.revoke), t.prefix)
	if !ok {
		return
	}
	id := r.PostFormValue("notify_id")
	if !notifyID(id) {
		fail(w, illegalValue, "illegal notify_id")
		return
	}
	for _, d := range devices {
		s.Tray.Remove(d, id)
	}
	answer(w, reply{Result: "ok", Description: "ok"})
}

func stop(s *double.Server, w http.ResponseWriter, r *http.Request) {
	if !s.Tray.RemoveSend(r.PostFormValue("msg_ids"), false) {
		fail(w, notFound, "the message was not found")
		return
	}
	answer(w, reply{Result: "ok", Description: "ok"})
}
