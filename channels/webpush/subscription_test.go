package webpush

import (
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/webpush/webpushtest"
	"github.com/recall-ledger/recall-ledger/events"
)

// TestSubscriptions: only the documented form is one, and nothing of a device that
// is none is called or told.
func TestSubscriptions(t *testing.T) {
	good := webpushtest.Device(1)
	endpoint, keys, _ := strings.Cut(good, "#")
	p256dh, auth, _ := strings.Cut(keys, ".")
	e, s := start(t, webpushtest.PrivateKey())
	for name, device := range map[string]string{
		"empty":          "",
		"no keys":        endpoint,
		"no auth":        endpoint + "#" + p256dh,
		"empty auth":     endpoint + "#" + p256dh + ".",
		"short auth":     endpoint + "#" + p256dh + "." + auth[:20],
		"padded auth":    good + "==",
		"line break":     good[:len(good)-4] + "\n" + good[len(good)-4:],
		"more":           good + ".more",
		"key off curve":  endpoint + "#" + strings.Repeat("B", len(p256dh)) + "." + auth,
		"short key":      endpoint + "#" + p256dh[:40] + "." + auth,
		"http":           strings.Replace(good, "https:", "http:", 1),
		"file":           strings.Replace(good, "https:", "file:", 1),
		"no host":        "https:///push/1#" + keys,
		"opaque":         "https:push/1#" + keys,
		"with a user":    strings.Replace(good, "//", "//user@", 1),
		"JSON":           `{"endpoint":"` + endpoint + `"}`,
		"bad escape":     endpoint + "%zz#" + keys,
		"another port":   strings.Replace(good, webpushtest.Host, webpushtest.Host+":22", 1),
		"another host":   strings.Replace(good, webpushtest.Host, "push.example.org", 1),
		"below the host": strings.Replace(good, webpushtest.Host, "a."+webpushtest.Host, 1),
		"as a suffix":    strings.Replace(good, webpushtest.Host, "evil-"+webpushtest.Host, 1),
		"metadata":       strings.Replace(good, webpushtest.Host, "169.254.169.254", 1),
		"loopback":       strings.Replace(good, webpushtest.Host, "127.0.0.1", 1),
		"IPv6":           strings.Replace(good, webpushtest.Host, "[::1]", 1),
	} {
		c := command(channels.Recall)
		c.Devices = []string{device}
		x := emit(t, e, c)
		if x.Verdict != channels.Refused || x.Reason != "bad-request:subscription" && x.Reason != "bad-request:host" {
			t.Errorf("%s: %s (%s), want refused", name, x.Verdict, x.Reason)
		}
	}
	if n := len(s.Calls()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

// TestHosts: a dot stands for the hosts below, and for nothing else.
func TestHosts(t *testing.T) {
	hosts := []string{"fcm.googleapis.com", ".notify.windows.com"}
	for host, want := range map[string]bool{
		"fcm.googleapis.com":             true,
		"FCM.googleapis.com":             true,
		"fcm.googleapis.com:443":         true,
		"fcm.googleapis.com:8443":        false,
		"fcm.googleapis.com.evil.org":    false,
		"storage.googleapis.com":         false,
		"wns2-par02p.notify.windows.com": true,
		"notify.windows.com":             false,
		".notify.windows.com":            false,
		"evilnotify.windows.com":         false,
	} {
		s, ok := parse(strings.Replace(webpushtest.Device(1), webpushtest.Host, host, 1))
		if !ok || s.among(hosts) != want {
			t.Errorf("%s: %v, %v, want %v", host, ok, s.among(hosts), want)
		}
	}
}

// TestLongestEndpoint: the package comment's figure is right.
func TestLongestEndpoint(t *testing.T) {
	_, keys, _ := strings.Cut(webpushtest.Device(1), "#")
	endpoint := webpushtest.Origin + "/"
	endpoint += strings.Repeat("a", 401-len(endpoint))
	device := endpoint + "#" + keys
	if len(device) != events.MaxDevice {
		t.Errorf("a device of %d bytes, want %d", len(device), events.MaxDevice)
	}
	if s, ok := parse(device); !ok || s.endpoint.String() != endpoint {
		t.Error("the longest endpoint is not taken")
	}
}
