package webhook

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	good := func(change func(*Receiver)) []Receiver {
		r := Receiver{App: "shop", URL: "https://shop.example/recalls", Secret: secret}
		change(&r)
		return []Receiver{r}
	}
	url := func(s string) []Receiver { return good(func(r *Receiver) { r.URL = s }) }
	hidden := func(s string) []Receiver { return good(func(r *Receiver) { r.Secret = s }) }
	kinds := func(list ...string) []Receiver { return good(func(r *Receiver) { r.Events = list }) }
	key := func(n int) string { return keyPrefix + base64.StdEncoding.EncodeToString(make([]byte, n)) }
	var crowd []Receiver
	for i := range MaxReceivers + 1 {
		crowd = append(crowd, url(fmt.Sprintf("https://shop.example/%d", i))...)
	}
	both := append(url("https://a"), url("https://a")...)
	for _, tt := range []struct {
		what string
		list []Receiver
		want string // "" is valid
	}{
		{"nobody", nil, ""},
		{"all events", kinds(), ""},
		{"some events", kinds(Settled, Requested), ""},
		{"plain, with a port and a query", url("http://127.0.0.1:8080/a?token=x"), ""},
		{"a secret without the prefix", hidden(strings.Repeat("x", MinSecret)), ""},
		{"the longest key", hidden(key(MaxKey)), ""},
		{"one URL of two apps", append(url("https://a"), good(func(r *Receiver) { r.App, r.URL = "bank", "https://a" })...), ""},
		{"as many as go", crowd[:MaxReceivers], ""},
		{"too many", crowd, "webhooks: has 101 entries, the limit is 100"},
		{"no app", good(func(r *Receiver) { r.App = "" }), "webhooks[0].app: "},
		{"a wild app", good(func(r *Receiver) { r.App = "*" }), "webhooks[0].app: "},
		{"twice", both, "webhooks[1].url: is that of webhooks[0] already"},
		{"no URL", url(""), "webhooks[0].url: is missing"},
		{"a file", url("file:///etc/passwd"), "webhooks[0].url: is not a URL that begins with http:// or https:// and a host"},
		{"no host", url("http://:80/x"), "webhooks[0].url: is not a URL that begins"},
		{"control character", url("http://shop.example/\n"), "webhooks[0].url: is not a URL"},
		{"a user", url("http://u:hush@shop.example/"), "webhooks[0].url: holds a user"},
		{"a fragment", url("http://shop.example/#x"), "webhooks[0].url: has a part after #"},
		{"a long URL", url("http://a/" + strings.Repeat("x", MaxURL)), "webhooks[0].url: is 1033 bytes long, the limit is 1024"},
		{"no secret", hidden(""), "webhooks[0].secret: is missing"},
		{"a short secret", hidden("hush"), "webhooks[0].secret: is 4 bytes long, 24 to 128 are needed"},
		{"a long secret", hidden(strings.Repeat("hush", 33)), "webhooks[0].secret: is 132 bytes long, 24 to 128 are needed"},
		{"a short key", hidden(key(MinKey - 1)), "webhooks[0].secret: begins with whsec_ and is not base64 of 24 to 64 bytes"},
		{"a long key", hidden(key(MaxKey + 1)), "webhooks[0].secret: begins with whsec_ and is not base64"},
		{"no base64", hidden(keyPrefix + strings.Repeat("hush!", 10)), "webhooks[0].secret: begins with whsec_ and is not base64"},
		{"an unknown event", kinds(Settled, "recall.done"), `webhooks[0].events[1]: "recall.done" is none of recall.requested, recall.settled,`},
		{"an event twice", kinds(Settled, Settled), "webhooks[0].events[1]: recall.settled is there twice"},
	} {
		err := Check(tt.list)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %q", tt.what, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: the error repeats the value: %v", tt.what, err)
		}
		if _, made := New(Config{Receivers: tt.list, Client: &http.Client{}}); (made == nil) != (err == nil) {
			t.Errorf("%s: New = %v, Check = %v", tt.what, made, err)
		}
	}
}
