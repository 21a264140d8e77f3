package dingtalk

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/channelstest"
	"github.com/recall-ledger/recall-ledger/channels/double"
)

// The documented paths.
const (
	tokenPath  = "/gettoken"
	recallPath = "/topapi/message/corpconversation/recall"
	sendPath   = "/topapi/message/corpconversation/asyncsend_v2"
)

func TestTokens(t *testing.T) {
	channelstest.RunTokens(t, channelstest.TokenVendor{
		New: func(t *testing.T, clock func() time.Time) (channels.Emitter, *double.Server, func()) {
			e, s := start(t, func(c *Config) { c.Clock = clock })
			return e, s.Server, s.Expire
		},
		At: func(t *testing.T, url string, clock func() time.Time) channels.Emitter {
			c := config(url, "secret")
			c.Clock = clock
			e, err := New(c)
			if err != nil {
				t.Fatal(err)
			}
			return e
		},
		Command: remove(sent), TokenPath: tokenPath, CallPath: recallPath,
		Token:    `{"errcode":0,"access_token":"t%d","expires_in":7200}`,
		Rejected: `{"errcode":88,"sub_code":"40014"}`,
		Denied: map[string]string{
			`{"errcode":40096,"errmsg":"x"}`:                  channels.ReasonCredentials,
			`{"errcode":40089,"errmsg":"x"}`:                  channels.ReasonCredentials,
			`{"errcode":40035,"errmsg":"x"}`:                  channels.ReasonCredentials + ":40035",
			`{"errcode":60020,"errmsg":"x"}`:                  channels.ReasonCredentials + ":60020",
			`{"errcode":88,"sub_code":"90002"}`:               channels.ReasonThrottled,
			`{"errcode":-1,"errmsg":"x"}`:                     channels.ReasonBusy,
			`{"errcode":0,"access_token":""}`:                 channels.ReasonNoAnswer,
			`{"errcode":0,"access_token":"a","expires_in":0}`: channels.ReasonNoAnswer,
			`<html>`: channels.ReasonNoAnswer,
		},
	})
}

func TestErrorsAreDiscreet(t *testing.T) {
	const secret = "s3cr3t-of-a-company"
	for _, base := range []string{"http://127.0.0.1:1", "http://a b"} {
		e := &Emitter{c: config(base, secret)}
		e.c.TokenURL = base + tokenPath
		e.call.HTTP = e.c.HTTP
		_, err := e.mint(t.Context())
		if err == nil || slices.ContainsFunc([]string{secret, "127.0.0.1", "a b"}, func(s string) bool { return strings.Contains(err.Error(), s) }) {
			t.Errorf("%s: %v", base, err)
		}
	}
}

// TestTokenOfYears: what nobody can believe of a token's life keeps it for a day.
func TestTokenOfYears(t *testing.T) {
	s := can(t, map[string]string{tokenPath: `{"errcode":0,"access_token":"a","expires_in":9223372036854775807}`})
	now := time.Date(2026, 11, 20, 9, 41, 0, 0, time.UTC)
	c := config(s.URL, "secret")
	c.Clock = func() time.Time { return now }
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.mint(t.Context())
	if err != nil || !got.Expires.Equal(now.Add(24*time.Hour)) {
		t.Errorf("until %s, %v", got.Expires, err)
	}
}
