package webpush

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// Channel is the name of the channel in the matrix.
const Channel = "webpush"

// Config configures an Emitter. The koanf names are those of the node's
// configuration file.
type Config struct {
	// BaseURL, where set, gets every call in place of the subscription's own push
	// service, with the path and query of its endpoint: a gateway, or a double. It
	// must be https, or on loopback.
	BaseURL string `koanf:"base_url"`
	// PrivateKey is the VAPID key that browsers subscribed with, 32 bytes as
	// base64url; PrivateKeyFile names a file with it. One of them is required. The
	// public key is made from it.
	PrivateKey     string `koanf:"private_key"`
	PrivateKeyFile string `koanf:"private_key_file"`
	// Subject tells push services whom to turn to: a mailto: or https: address.
	// Required, since Apple and Mozilla demand one.
	Subject string `koanf:"subject"`
	// Hosts are the push services that calls may go to; one that begins with a dot
	// stands for all hosts below it. Default DefaultHosts.
	Hosts []string `koanf:"hosts"`

	// HTTP and Clock are required.
	HTTP  *http.Client     `koanf:"-"`
	Clock func() time.Time `koanf:"-"`
}

// DefaultHosts returns the push services of Chrome, Firefox, Safari and Edge on
// Windows. No vendor page that promises them was found, so they are
// unverified; a subscription made in each browser would verify them (public source,
// checked 2026-11-20).
func DefaultHosts() []string {
	return []string{"fcm.googleapis.com", "updates.push.services.mozilla.com", ".push.apple.com", ".notify.windows.com"}
}

// New returns an emitter, or an error that names the setting that is missing or
// wrong.
func New(c Config) (*Emitter, error) {
	var s call.Settings
	var base *url.URL
	if c.BaseURL != "" {
		s.Address("base_url", &c.BaseURL, "")
		var err error
		base, err = url.Parse(c.BaseURL)
		s.Want(err == nil && safe(base), "base_url", "is not an https address, or an http one on loopback")
	}
	text, setting := s.Text("private_key", c.PrivateKey, c.PrivateKeyFile)
	s.Need(setting, text)
	key := vapidKey(&s, text, setting)
	s.Want(strings.HasPrefix(c.Subject, "https://") || strings.HasPrefix(c.Subject, "mailto:"), "subject",
		"is not a mailto: or https: address")
	if len(c.Hosts) == 0 {
		c.Hosts = DefaultHosts()
	}
	hosts := make([]string, len(c.Hosts))
	for i, h := range c.Hosts {
		hosts[i] = strings.ToLower(h)
		s.Want(strings.Trim(h, ".") != "" && !strings.ContainsAny(h, "/:@*? "), fmt.Sprintf("hosts[%d]", i),
			"is not the name of a host, or a dot and one")
	}
	client := s.Client(c.HTTP, c.Clock)
	if err := s.Err(); err != nil {
		return nil, err
	}
	// A redirect could lead a call elsewhere than to the hosts.
	bound := *c.HTTP
	bound.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.HTTP = &bound
	return &Emitter{hosts: hosts, base: base, call: client, signer: newSigner(key, c.Subject, c.Clock)}, nil
}

func safe(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && ip != nil && ip.IsLoopback())
}

// vapidKey reads the key. What it notes does not hold what it saw.
func vapidKey(s *call.Settings, text, setting string) *ecdsa.PrivateKey {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(text), "="))
	var key *ecdsa.PrivateKey
	if err == nil {
		key, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), b)
	}
	s.Want(err == nil, setting, "is not a P-256 private key of 32 bytes as base64url")
	return key
}
