package jpushtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/double"
)

// The credentials of the app the server knows.
const (
	AppKey       = "7d431e42dfa6a6d693ac2d04"
	MasterSecret = "secret-of-the-double"
)

// Send is an id in the form of the server's own.
const Send = "18100287008546643"

// The limits of a call.
const (
	maxDevices = 1000
	maxCIDs    = 10
	// maxAndroid is what the notification may have for Android, in bytes.
	maxAndroid = 4000
	maxBody    = 256 << 10
)

// Server is the double.
type Server struct {
	*double.Server

	mu sync.Mutex
	// cids are those given out, with the id of the push each was used for.
	cids   map[string]string
	pushes int64
}

// Start runs a server until its Close. All doubles are started alike; this one has
// no use for a clock.
func Start(_ func() time.Time) (*Server, error) {
	s := &Server{cids: map[string]string{}}
	_, err := double.Start(double.Config{Handler: func(d *double.Server) http.Handler {
		s.Server = d
		mux := http.NewServeMux()
		mux.HandleFunc("GET /v3/push/cid", guard(func(w http.ResponseWriter, r *http.Request) { d.Note(r); s.give(w, r) }))
		mux.HandleFunc("POST /v3/push", guard(d.Command(trouble, s.push)))
		mux.HandleFunc("DELETE /v3/push/{msgid}", guard(d.Command(trouble, s.withdraw)))
		return mux
	}})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func guard(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if key, secret, ok := r.BasicAuth(); !ok || key != AppKey || secret != MasterSecret {
			fail(w, http.StatusUnauthorized, 1004, "Authen failed")
			return
		}
		h(w, r)
	}
}

func trouble(w http.ResponseWriter, f double.Fault) {
	if f == double.Fail {
		fail(w, http.StatusInternalServerError, 1000, "Internal error")
		return
	}
	w.Header().Set("X-Rate-Limit-Limit", "600")
	w.Header().Set("X-Rate-Limit-Remaining", "0")
	w.Header().Set("X-Rate-Limit-Reset", strconv.Itoa(int(double.RetryAfter/time.Second)))
	fail(w, http.StatusTooManyRequests, 2002, "Request times of the app_key exceed the limit of current time window")
}

func fail(w http.ResponseWriter, status, code int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"code":%d,"message":%q}}`, code, text)
}

// give hands out cids.
func (s *Server) give(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.URL.Query().Get("count"))
	if err != nil || n < 1 {
		n = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for range min(n, maxCIDs) {
		id := fmt.Sprintf("%s-00000000-0000-4000-8000-%012d", AppKey, len(s.cids)+1)
		s.cids[id] = ""
		list = append(list, id)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string][]string{"cidlist": list})
}

// body is the part of a push that the server looks at.
type body struct {
	CID      string   `json:"cid"`
	Platform []string `json:"platform"`
	Audience struct {
		RegistrationID []string `json:"registration_id"`
	} `json:"audience"`
	Notification struct {
		Android struct {
			Alert string `json:"alert"`
		} `json:"android"`
	} `json:"notification"`
	Options struct {
		Override json.Number `json:"override_msg_id"`
		Collapse string      `json:"apns_collapse_id"`
	} `json:"options"`
}

// wrong says what of a push is not allowed, with its code; 0 where nothing is.
func wrong(b body, size int) (code int, text string) {
	ids := b.Audience.RegistrationID
	switch {
	case len(b.Platform) == 0 || len(ids) == 0 || b.Notification.Android.Alert == "":
		return 1002, "a parameter is missing"
	case !slices.Contains(b.Platform, "android"):
		return 1003, "the double has Android devices only"
	case len(ids) > maxDevices || slices.Contains(ids, ""):
		return 1003, "registration_id is invalid"
	case size > maxAndroid:
		return 1005, "the notification is too large"
	case len(b.Options.Collapse) > 64:
		return 1003, "apns_collapse_id is too long"
	}
	return 0, ""
}

func (s *Server) push(w http.ResponseWriter, r *http.Request) {
	var b body
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil || json.Unmarshal(raw, &b) != nil {
		fail(w, http.StatusBadRequest, 1003, "the body is no JSON")
		return
	}
	if code, text := wrong(b, len(b.Notification.Android.Alert)); code != 0 {
		fail(w, http.StatusBadRequest, code, text)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	first, given := s.cids[b.CID]
	old := b.Options.Override.String()
	alive := slices.DeleteFunc(slices.Clone(b.Audience.RegistrationID), s.Dead)
	switch {
	case b.CID != "" && !given:
		fail(w, http.StatusBadRequest, 1003, "cid is invalid")
	case first != "": // the push was sent before
		pushed(w, first)
	case old != "" && !s.Tray.Knows(old):
		fail(w, http.StatusBadRequest, 1003, "override_msg_id does not exist")
	case len(alive) == 0:
		fail(w, http.StatusBadRequest, 1011, "cannot find user by this audience")
	default:
		s.pushes++
		id := strconv.FormatInt(20_000_000_000_000_000+s.pushes, 10)
		if given {
			s.cids[b.CID] = id
		}
		for _, d := range alive {
			s.show(d, id, old, b.Notification.Android.Alert)
		}
		pushed(w, id)
	}
}

// show puts a push on a screen, or in place of the old one, which may still wait
// for a device that is offline.
func (s *Server) show(device, id, old, text string) {
	place := id
	if old != "" {
		place = old
	}
	s.Tray.Sent(id, device, place)
	if _, shown := s.Tray.Text(device, place); !shown && s.Tray.Withhold(device, place) {
		s.Tray.Wait(device, place, text)
		return
	}
	s.Tray.Show(device, place, text)
}

func pushed(w http.ResponseWriter, id string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"sendno":"0","msg_id":%q}`, id)
}

func (s *Server) withdraw(w http.ResponseWriter, r *http.Request) {
	if !s.Tray.RemoveSend(r.PathValue("msgid"), true) {
		fail(w, http.StatusBadRequest, 1003, "msgid doesn't exist")
	}
}
