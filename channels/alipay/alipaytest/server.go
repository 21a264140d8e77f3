package alipaytest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/double"
)

// AppID is the application the server knows.
const AppID = "2014072300007148"

// The sub_codes for a message that is not known and for one that may not be taken
// back any more are on no page that could be read. These two are the double's own,
// not Alipay's.
const (
	CodeUnknown = "DOUBLE.MESSAGE_UNKNOWN"
	CodeTooOld  = "DOUBLE.MESSAGE_TOO_OLD"
)

const (
	method = "alipay.open.public.life.msg.recall"
	node   = "alipay_open_public_life_msg_recall_response"
)

// Server is the double.
type Server struct {
	*double.Server

	mu  sync.Mutex
	old map[string]bool
}

// Start runs a server until its Close. All doubles are started alike; this one has
// no use for a clock.
func Start(_ func() time.Time) (*Server, error) {
	a := &Server{old: map[string]bool{}}
	_, err := double.Start(double.Config{Handler: func(s *double.Server) http.Handler {
		a.Server = s
		mux := http.NewServeMux()
		mux.HandleFunc("POST /gateway.do", guard(s.Command(trouble, a.recall)))
		return mux
	}})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// Age makes a message one that may not be taken back any more.
func (a *Server) Age(message string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.old[message] = true
}

// guard checks in the order of the gateway: the application before the signature.
func guard(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.ParseForm() != nil {
			refuse(w, "40002", "isv.illegal-json")
			return
		}
		f := r.Form
		_, late := time.Parse(time.DateTime, f.Get("timestamp"))
		for _, check := range []struct {
			bad       bool
			code, sub string
		}{
			{f.Get("app_id") == "", "40001", "isv.missing-app-id"},
			{f.Get("app_id") != AppID, "40002", "isv.invalid-app-id"},
			{f.Get("method") == "", "40001", "isv.missing-method"},
			{f.Get("method") != method, "40002", "isv.invalid-method"},
			{f.Get("version") != "1.0", "40001", "isv.missing-version"},
			{late != nil, "40002", "isv.invalid-timestamp"},
			{!strings.EqualFold(f.Get("charset"), "utf-8"), "40002", "isv.invalid-charset"},
			{f.Get("format") != "" && !strings.EqualFold(f.Get("format"), "json"), "40002", "isv.invalid-format"},
			{f.Get("sign_type") != "RSA2", "40002", "isv.invalid-signature-type"},
			{f.Get("sign") == "", "40001", "isv.missing-signature"},
			{!genuine(f), "40002", "isv.invalid-signature"},
		} {
			if check.bad {
				refuse(w, check.code, check.sub)
				return
			}
		}
		h(w, r)
	}
}

// genuine reports whether the application signed the parameters.
func genuine(f url.Values) bool {
	var parts []string
	for name, v := range f {
		if name != "sign" && v[0] != "" {
			parts = append(parts, name+"="+v[0])
		}
	}
	slices.Sort(parts)
	sum := sha256.Sum256([]byte(strings.Join(parts, "&")))
	b, err := base64.StdEncoding.DecodeString(f.Get("sign"))
	return err == nil && rsa.VerifyPKCS1v15(&keys().app.PublicKey, crypto.SHA256, sum[:], b) == nil
}

func trouble(w http.ResponseWriter, f double.Fault) {
	if f == double.Fail {
		refuse(w, "20000", "isp.unknow-error")
		return
	}
	refuse(w, "40005", "isv.app-call-limited")
}

func (a *Server) recall(w http.ResponseWriter, r *http.Request) {
	var m struct {
		ID string `json:"message_id"`
	}
	if json.Unmarshal([]byte(r.Form.Get("biz_content")), &m) != nil || m.ID == "" {
		refuse(w, "40002", "isv.invalid-parameter")
		return
	}
	a.mu.Lock()
	old := a.old[m.ID]
	a.mu.Unlock()
	switch {
	case old:
		answer(w, fmt.Sprintf(`{"code":"40004","msg":"Business Failed","sub_code":%q,"sub_msg":"http:\/\/open.alipay.com"}`, CodeTooOld))
	case !a.Tray.RemoveSend(m.ID, true):
		answer(w, fmt.Sprintf(`{"code":"40004","msg":"Business Failed","sub_code":%q,"sub_msg":"http:\/\/open.alipay.com"}`, CodeUnknown))
	default:
		answer(w, `{"code":"10000","msg":"Success"}`)
	}
}

// answer signs what the method says.
func answer(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/html;charset=utf-8")
	fmt.Fprintf(w, `{%q:%s,"sign":%q}`, node, text, Sign(text))
}

// refuse is a failure of the gateway, which it does not sign.
func refuse(w http.ResponseWriter, code, sub string) {
	w.Header().Set("Content-Type", "text/html;charset=utf-8")
	fmt.Fprintf(w, `{%q:{"code":%q,"msg":"Invalid Arguments","sub_code":%q,"sub_msg":"see the solution"}}`, node, code, sub)
}
