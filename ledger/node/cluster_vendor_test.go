package node

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/double"
	"github.com/recall-ledger/recall-ledger/channels/fcm/fcmtest"
	"github.com/recall-ledger/recall-ledger/channels/huawei/huaweitest"
	"github.com/recall-ledger/recall-ledger/channels/ntfy/ntfytest"
)

// The channels of the cluster's campaign: two whose calls may be repeated and,
// for forced overrides, one whose may not.
const (
	chanFCM  = "fcm"
	chanNtfy = "ntfy"
	chanOld  = "huawei-emui9"
)

// called is one vendor call for one device.
type called struct {
	// at is when it came in, done when the vendor had done it.
	at, done time.Time
	// node is which node of the cluster called.
	node            int
	channel, device string
}

// vendors are the doubles, and what the nodes called them for. Each node has doors
// of its own, so that it is known who called.
type vendors struct {
	fcm  *fcmtest.Server
	ntfy *ntfytest.Server
	old  *huaweitest.Server
	http *http.Client

	mu    sync.Mutex
	calls []called
}

func startVendors(t *testing.T) *vendors {
	t.Helper()
	v := &vendors{http: double.Client(false)}
	var err error
	if v.fcm, err = fcmtest.Start(time.Now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.fcm.Close)
	if v.ntfy, err = ntfytest.Start(time.Now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.ntfy.Close)
	if v.old, err = huaweitest.Start(time.Now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.old.Close)
	t.Cleanup(v.http.CloseIdleConnections)
	return v
}

// of returns what a node is told of the vendors.
func (v *vendors) of(t *testing.T, node int) []VendorConfig {
	t.Helper()
	return []VendorConfig{
		{"shop", chanFCM, map[string]any{
			"base_url": v.door(t, node, chanFCM, v.fcm.URL), "service_account": v.fcm.Credentials(), "token_url": v.fcm.URL + "/token",
		}},
		{"shop", chanNtfy, map[string]any{"base_url": v.door(t, node, chanNtfy, v.ntfy.URL), "token": ntfytest.Token}},
		{"shop", chanOld, map[string]any{
			"base_url": v.door(t, node, chanOld, v.old.URL), "token_url": v.old.TokenURL(),
			"client_id": huaweitest.ClientID, "client_secret": huaweitest.ClientSecret,
		}},
	}
}

// door is a vendor's address for one node: it notes the call and passes it on.
func (v *vendors) door(t *testing.T, node int, channel, target string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := time.Now()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // killed in the middle of the request: no call
		}
		// The vendor goes on with a call whose caller has gone.
		out, err := http.NewRequest(r.Method, target+r.URL.RequestURI(), bytes.NewReader(body))
		if err != nil {
			t.Errorf("%s: %v", channel, err)
			return
		}
		out.Header = r.Header.Clone()
		resp, err := v.http.Do(out)
		if err != nil {
			panic(http.ErrAbortHandler) // at the end of the test
		}
		defer resp.Body.Close()
		answer, _ := io.ReadAll(resp.Body)
		v.note(node, channel, devicesOf(channel, r, body), at)
		for name, values := range resp.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = w.Write(answer) // a node that has gone is part of the campaign
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// devicesOf reads from a call whom it is for.
func devicesOf(channel string, r *http.Request, body []byte) []string {
	var m struct {
		Topic   string `json:"topic"`
		Message struct {
			Token json.RawMessage `json:"token"`
		} `json:"message"`
	}
	_ = json.Unmarshal(body, &m) // a call without a body has its device in the path
	var list []string
	switch {
	case channel == chanNtfy && m.Topic != "":
		return []string{m.Topic}
	case channel == chanNtfy:
		return []string{strings.Split(r.URL.Path, "/")[1]}
	case json.Unmarshal(m.Message.Token, &list) == nil:
		return list
	}
	var one string
	_ = json.Unmarshal(m.Message.Token, &one)
	return []string{one}
}

func (v *vendors) note(node int, channel string, devices []string, at time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, d := range devices {
		v.calls = append(v.calls, called{at: at, done: time.Now(), node: node, channel: channel, device: d})
	}
}

// list returns the calls so far, in the order in which they were done.
func (v *vendors) list() []called {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]called(nil), v.calls...)
}

// tray returns the screens of a channel's devices.
func (v *vendors) tray(channel string) *double.Tray {
	switch channel {
	case chanFCM:
		return v.fcm.Tray
	case chanNtfy:
		return v.ntfy.Tray
	}
	return v.old.Tray
}
