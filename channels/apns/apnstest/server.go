package apnstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/recall-ledger/recall-ledger/channels/double"
)

// Topic is the bundle id of the app the server knows.
const Topic = "com.example.shop"

// maxPayload is what a push may hold, in bytes.
const maxPayload = 4096

// Server is a running double. Client of package double must be told to speak
// HTTP/2 to it.
type Server struct {
	*double.Server
	keeper *keeper
}

// Start runs a server until its Close. It judges tokens by the clock.
func Start(clock func() time.Time) (*Server, error) {
	k := &keeper{clock: clock, seen: map[string]bool{}}
	s, err := double.Start(double.Config{HTTP2: true, Handler: func(s *double.Server) http.Handler {
		mux := http.NewServeMux()
		push := k.guard(s.Command(trouble, func(w http.ResponseWriter, r *http.Request) { take(s, clock, w, r) }))
		mux.HandleFunc("POST /3/device/{token}", push)
		mux.HandleFunc("/3/device/{token}", func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, http.StatusMethodNotAllowed, "MethodNotAllowed")
		})
		mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, "BadPath") })
		return mux
	}})
	if err != nil {
		return nil, err
	}
	return &Server{Server: s, keeper: k}, nil
}

// Token makes the device token of the i-th device, in Apple's form.
func Token(i int) string { return fmt.Sprintf("%064x", i+1) }

func trouble(w http.ResponseWriter, f double.Fault) {
	if f == double.Fail {
		refuse(w, http.StatusInternalServerError, "InternalServerError")
		return
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(double.RetryAfter.Seconds())))
	refuse(w, http.StatusTooManyRequests, "TooManyRequests")
}

func refuse(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("apns-id", uuid.NewString())
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"reason":%q}`, reason)
}

// notice is what the server reads of a payload, the keys of the app included.
type notice struct {
	APS struct {
		Alert            json.RawMessage `json:"alert"`
		ContentAvailable int             `json:"content-available"`
	} `json:"aps"`
	Recall string `json:"recall"`
}

// take checks a push and shows it, or lets the app act on it.
func take(s *double.Server, clock func() time.Time, w http.ResponseWriter, r *http.Request) {
	var n notice
	body, status, reason := read(r)
	if reason == "" {
		status, reason = headers(r)
	}
	if reason == "" && json.Unmarshal(body, &n) != nil {
		status, reason = http.StatusBadRequest, "PayloadEmpty"
	}
	background := r.Header.Get("apns-push-type") == "background"
	if reason == "" && background && r.Header.Get("apns-priority") != "5" {
		status, reason = http.StatusBadRequest, "BadPriority"
	}
	device := r.PathValue("token")
	switch {
	case reason != "":
		refuse(w, status, reason)
		return
	case !hexadecimal(device):
		refuse(w, http.StatusBadRequest, "BadDeviceToken")
		return
	case s.Dead(device):
		w.Header().Set("apns-id", uuid.NewString())
		w.WriteHeader(http.StatusGone)
		fmt.Fprintf(w, `{"reason":"Unregistered","timestamp":%d}`, clock().Add(-time.Hour).UnixMilli())
		return
	}
	id := uuid.NewString()
	if background {
		obey(s, device, n)
	} else {
		show(s, device, r.Header.Get("apns-collapse-id"), id, n)
	}
	w.Header().Set("apns-id", id)
	w.WriteHeader(http.StatusOK)
}

// obey is the app's half of a removal.
func obey(s *double.Server, device string, n notice) {
	if n.APS.ContentAvailable == 1 && n.Recall != "" {
		s.Tray.Remove(device, n.Recall)
	}
}

// show puts an alert on the screen, in place of the one with the same collapse id,
// also of one that waits: Apple keeps only the newest.
func show(s *double.Server, device, collapse, id string, n notice) {
	if collapse == "" {
		collapse = id
	}
	s.Tray.Withhold(device, collapse)
	if text := text(n.APS.Alert); text != "" {
		s.Tray.Show(device, collapse, text)
	}
}

// text is what an alert shows; an alert is a text or an object.
func text(b json.RawMessage) string {
	var plain string
	if json.Unmarshal(b, &plain) == nil {
		return plain
	}
	var a struct{ Title, Body string }
	if json.Unmarshal(b, &a) != nil {
		return ""
	}
	if a.Body != "" {
		return a.Body
	}
	return a.Title
}

// keeper checks provider tokens, and how often they change.
type keeper struct {
	clock func() time.Time

	mu      sync.Mutex
	last    string
	changed time.Time
	// seen says of each token that was accepted whether it is rejected since.
	seen map[string]bool
}
