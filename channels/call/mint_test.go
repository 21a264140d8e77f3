package call

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
)

// TestExchange: what OAuth 2.0 says, and whatever else answers in its place.
func TestExchange(t *testing.T) {
	const good = `{"access_token":"a","expires_in":60,"token_type":"Bearer"}`
	for _, x := range []struct {
		status int
		body   string
		lasts  time.Duration
		reason string
	}{
		{200, good, time.Minute, ""},
		{200, `{"access_token":"a","expires_in":9223372036854775807}`, 24 * time.Hour, ""},
		{200, ``, 0, channels.ReasonNoAnswer},
		{200, `<html>`, 0, channels.ReasonNoAnswer},
		{200, `{"access_token":"","expires_in":60}`, 0, channels.ReasonNoAnswer},
		{200, `{"access_token":"a"}`, 0, channels.ReasonNoAnswer},
		{200, `{"access_token":"a","expires_in":-1}`, 0, channels.ReasonNoAnswer},
		{204, good, 0, channels.ReasonCredentials},
		{302, good, 0, channels.ReasonCredentials},
		{400, `{"error":"invalid_client","error_description":"s3cret"}`, 0, channels.ReasonCredentials},
		{401, ``, 0, channels.ReasonCredentials},
		{404, ``, 0, channels.ReasonCredentials},
		{429, ``, 0, channels.ReasonThrottled},
		{500, ``, 0, channels.ReasonBusy},
		{503, ``, 0, channels.ReasonBusy},
	} {
		var got string
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			got = r.Method + " " + r.Header.Get("Content-Type") + " " + string(b)
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(x.status)
			_, _ = io.WriteString(w, x.body)
		})
		token, err := client(s.Client()).Exchange(t.Context(), s.URL, ClientCredentials("id", "s3cret"))
		if want := "POST application/x-www-form-urlencoded client_id=id&client_secret=s3cret&grant_type=client_credentials"; got != want {
			t.Errorf("asked for with %q, want %q", got, want)
		}
		if x.reason == "" {
			if want := (Token{Value: "a", Expires: now().Add(x.lasts)}); err != nil || token != want {
				t.Errorf("%d %s: %+v, %v, want %+v", x.status, x.body, token, err, want)
			}
			continue
		}
		if r := Untouched(err); err == nil || token.Value != "" || r.Verdict != channels.Throttled || r.Reason != x.reason {
			t.Errorf("%d %s: %+v, %+v, want %s", x.status, x.body, token, r, x.reason)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error tells the secret: %v", err)
		}
	}
}

// TestAskTellsNothing: neither the address nor what is sent to it.
func TestAskTellsNothing(t *testing.T) {
	gone := serve(t, func(http.ResponseWriter, *http.Request) {})
	gone.Close()
	for _, url := range []string{gone.URL + "/token?secret=s3cret", "http://a b/s3cret"} {
		_, err := client(http.DefaultClient).Ask(t.Context(), Request{URL: url})
		var e *TokenError
		if !errors.As(err, &e) || *e != (TokenError{Reason: channels.ReasonUnreachable}) || err.Error() != "no access token: unreachable" {
			t.Errorf("%v", err)
		}
	}
}

func TestDenied(t *testing.T) {
	a := Answer{Status: 200, RetryAfter: time.Second}
	for _, x := range []struct {
		known Result
		code  string
		want  TokenError
	}{
		{Result{Verdict: channels.Throttled, Reason: channels.ReasonBusy}, "-1", TokenError{channels.ReasonBusy, time.Second}},
		{Result{Verdict: channels.Throttled, Reason: channels.ReasonThrottled, RetryAfter: time.Hour}, "7", TokenError{channels.ReasonThrottled, time.Hour}},
		{Result{Verdict: channels.Refused, Reason: channels.ReasonBadRequest}, "7", TokenError{"credentials:7", time.Second}},
		{Result{Verdict: channels.Accepted, Reason: channels.ReasonAlready}, "", TokenError{channels.ReasonCredentials, time.Second}},
		{Result{Verdict: channels.Unknown, Reason: channels.ReasonNoAnswer}, "a b", TokenError{channels.ReasonCredentials, time.Second}},
	} {
		var e *TokenError
		if err := a.Denied(x.known, x.code); !errors.As(err, &e) || *e != x.want {
			t.Errorf("%+v with code %q: %+v, want %+v", x.known, x.code, e, x.want)
		}
	}
}

func TestNoTokenReasons(t *testing.T) {
	for status, want := range map[int]string{
		200: channels.ReasonNoAnswer, 401: channels.ReasonCredentials, 404: channels.ReasonBadRequest, 503: channels.ReasonBusy,
	} {
		var e *TokenError
		err := Answer{Status: status, RetryAfter: time.Second}.NoToken()
		if !errors.As(err, &e) || *e != (TokenError{want, time.Second}) {
			t.Errorf("%d: %v, want %s", status, err, want)
		}
	}
}
