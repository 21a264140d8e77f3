package callback

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

func TestCheck(t *testing.T) {
	many := func(n int) []string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("https://shop.example/%d", i))
		}
		return list
	}
	tim := facade.Credential{Facade: facade.TIMPush, ID: "1", App: "shop", Secret: "s"}
	other := shopKey()
	other.ID = "another key of the app"
	crowd := make([]Account, 0, 21)
	for i := range cap(crowd) {
		crowd = append(crowd, Account{Key: facade.Credential{Facade: facade.UMS, ID: fmt.Sprint(i), App: fmt.Sprint("app", i)}, URLs: many(5)})
	}
	for _, tt := range []struct {
		what string
		list []Account
		want string // "" is valid
	}{
		{"nobody", nil, ""},
		{"no URLs", []Account{{Key: tim}}, ""},
		{"five", []Account{{Key: shopKey(), URLs: many(5)}, {Key: bankKey(), URLs: many(5)}}, ""},
		{"plain, with a port and a query", []Account{{Key: shopKey(), URLs: []string{"http://127.0.0.1:8080/a?token=x"}}}, ""},
		{"six", []Account{{Key: shopKey(), URLs: many(6)}}, "facades[0].callbacks: make 6 URLs of app shop, the limit is 5"},
		{"six by two keys", []Account{{Key: shopKey(), URLs: many(3)}, {Key: other, URLs: many(3)}}, "facades[1].callbacks: make 6 URLs of app shop, the limit is 5"},
		{"too many in all", crowd, "facades: register 105 callback URLs, the limit is 100"},
		{"another facade", []Account{{Key: tim, URLs: many(1)}}, "facades[0].callbacks: belong to ums, not to timpush"},
		{"empty", []Account{{Key: shopKey(), URLs: []string{""}}}, "facades[0].callbacks[0]: is not a URL that begins with http:// or https:// and a host"},
		{"a file", []Account{{Key: shopKey(), URLs: []string{"https://a", "file:///etc/passwd"}}}, "facades[0].callbacks[1]: is not a URL that begins"},
		{"no host", []Account{{Key: shopKey(), URLs: []string{"http://:80/x"}}}, "facades[0].callbacks[0]: is not a URL that begins"},
		{"no scheme", []Account{{Key: shopKey(), URLs: []string{"shop.example/x"}}}, "facades[0].callbacks[0]: is not a URL that begins"},
		{"control character", []Account{{Key: shopKey(), URLs: []string{"http://shop.example/\n"}}}, "facades[0].callbacks[0]: is not a URL"},
		{"a user", []Account{{Key: shopKey(), URLs: []string{"http://u:p@shop.example/"}}}, "facades[0].callbacks[0]: holds a user"},
		{"a fragment", []Account{{Key: shopKey(), URLs: []string{"http://shop.example/#x"}}}, "facades[0].callbacks[0]: has a part after #"},
		{"twice", []Account{{Key: shopKey(), URLs: []string{"http://a", "http://a"}}}, "facades[0].callbacks[1]: is there twice"},
		{"too long", []Account{{Key: shopKey(), URLs: []string{"http://a/" + strings.Repeat("x", MaxURL)}}}, "facades[0].callbacks[0]: is 1033 bytes long, the limit is 1024"},
	} {
		err := Check(tt.list)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %q", tt.what, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: the error repeats the URL: %v", tt.what, err)
		}
		if _, made := New(Config{Accounts: tt.list, Client: &http.Client{}}); (made == nil) != (err == nil) {
			t.Errorf("%s: New = %v, Check = %v", tt.what, made, err)
		}
	}
}

// TestFilter: a receiver reads what the app stores as facts and nothing else.
func TestFilter(t *testing.T) {
	if got, want := filter(3, "shop"), "recall.fact.3.shop.*.*"; got != want {
		t.Errorf("the filter is %s, want %s", got, want)
	}
	for _, k := range events.Kinds() {
		fact := strings.HasPrefix(events.Subject(3, "shop", k, "p", "c"), "recall.fact.3.shop.")
		if status := k.Shape() == events.ShapeFact || k.Shape() == events.ShapeOutcome; status && !fact {
			t.Errorf("%s is stored where the filter does not look", k)
		}
	}
}

// TestNames: the name of a consumer has no character that a server refuses, and
// is another one for every receiver.
func TestNames(t *testing.T) {
	c, err := New(Config{Client: &http.Client{}, Accounts: []Account{
		{Key: shopKey(), URLs: []string{"http://a", "http://b"}}, {Key: bankKey(), URLs: []string{"http://a"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range c.receivers {
		if name := r.name(); seen[name] || strings.ContainsAny(name, " .*>/\\") {
			t.Errorf("the name is %q", name)
		}
		seen[r.name()] = true
	}
}
