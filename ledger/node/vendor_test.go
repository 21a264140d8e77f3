package node

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/double"
	"github.com/recall-ledger/recall-ledger/channels/ntfy/ntfytest"
	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/projections"
)

// TestEveryChannelHasItsAdapter: a channel of the matrix that can do anything can be
// configured, and no other.
func TestEveryChannelHasItsAdapter(t *testing.T) {
	able := map[string]bool{}
	for _, r := range channels.Rows() {
		if r.Profile == channels.Native && r.Channel != selfbuilt.Channel {
			able[r.Channel] = r.Terminate != channels.None || r.Recall != channels.None || r.Override != channels.None
		}
	}
	able["huawei-emui9"] = true // a forced override is shown there
	seen := map[string]bool{}
	for _, a := range adapters() {
		if seen[a.channel] || !able[a.channel] {
			t.Errorf("%s: a row too many", a.channel)
		}
		seen[a.channel] = true
	}
	for channel, can := range able {
		if err := adaptable("channel", channel); (err == nil) != can || seen[channel] != can {
			t.Errorf("%s: adapter %t, %v; want %t", channel, seen[channel], err, can)
		}
	}
}

func TestVendorsAreChecked(t *testing.T) {
	const secret = "do-not-tell"
	dir := t.TempDir()
	large, good := filepath.Join(dir, "large"), filepath.Join(dir, "good")
	for name, size := range map[string]int{large: maxSettingFile + 1, good: 5} {
		if err := os.WriteFile(name, bytes.Repeat([]byte("x"), size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	type settings = map[string]any
	ntfy := func(s settings) VendorConfig { return VendorConfig{"shop", "ntfy", s} }
	whole := settings{"base_url": "https://ntfy.example.com", "token": secret}
	for _, c := range []struct {
		want string // "" for none
		list []VendorConfig
	}{
		{"", []VendorConfig{ntfy(whole), {"other", "ntfy", whole}, {"shop", "webpush", settings{
			"private_key": "dGhpcyBpcyBhIGtleSBvZiB0aGlydHktdHdvIGJ5dGU", "subject": "mailto:a@example.com", "hosts": []any{".example.com"},
		}}}},
		{"", []VendorConfig{{"shop", "dingtalk", settings{
			"app_key": "k", "app_secret_file": good, "agent_id": 7, "unverified": settings{"already_codes": []any{"1"}},
		}}}},
		{"", []VendorConfig{{"shop", "vivo", settings{"app_id": "1", "app_key": "k", "app_secret": "s", "overwrite": true, "paths": nil}}}},
		{"vendors[0].app: ", []VendorConfig{{"", "ntfy", whole}}},
		{"vendors[1].app: ", []VendorConfig{ntfy(whole), {"a b", "ntfy", whole}}},
		{"vendors[0].channel: is missing", []VendorConfig{{"shop", "", whole}}},
		{`vendors[0].channel: "pigeon" is not a channel`, []VendorConfig{{"shop", "pigeon", whole}}},
		{"vendors[0].channel: sms has no adapter", []VendorConfig{{"shop", "sms", whole}}},
		{"vendors[0].channel: email has no adapter", []VendorConfig{{"shop", "email", whole}}},
		{"vendors[0].channel: wechat-mp has no adapter", []VendorConfig{{"shop", "wechat-mp", whole}}},
		{"vendors[0].channel: selfbuilt is the ledger's own", []VendorConfig{{"shop", "selfbuilt", whole}}},
		{"vendors[1]: app shop has ntfy in vendors[0] already", []VendorConfig{ntfy(whole), ntfy(whole)}},
		{"vendors[0].settings.base_url: ", []VendorConfig{ntfy(nil)}},
		{"vendors[0].settings.tokn: is not a setting; there are base_url, token", []VendorConfig{ntfy(settings{"base_url": "https://x.example", "tokn": secret})}},
		{"vendors[0].settings.HTTP: is not a setting", []VendorConfig{ntfy(settings{"HTTP": secret})}},
		{"vendors[0].settings.-: is not a setting", []VendorConfig{ntfy(settings{"-": secret})}},
		{"vendors[0].settings.token: expected text; put it in quotes", []VendorConfig{ntfy(settings{"token": 4711})}},
		{"vendors[0].settings.token_file: is set beside token", []VendorConfig{ntfy(settings{"token": secret, "token_file": good})}},
		{"vendors[0].settings.token_file: expected the name of a file", []VendorConfig{ntfy(settings{"token_file": true})}},
		{"vendors[0].settings.token_file: open ", []VendorConfig{ntfy(settings{"token_file": filepath.Join(dir, "none")})}},
		{"vendors[0].settings.token_file: the file holds more than 65536 bytes", []VendorConfig{ntfy(settings{"token_file": large})}},
		{"vendors[0].settings.agent_id: expected a whole number", []VendorConfig{{"shop", "wecom", settings{"agent_id": secret}}}},
		{"vendors[0].settings.agent_id_file: is not a setting", []VendorConfig{{"shop", "wecom", settings{"agent_id_file": good}}}},
		{"vendors[0].settings.unverified: expected a section", []VendorConfig{{"shop", "wecom", settings{"unverified": secret}}}},
		{"vendors[0].settings.unverified.already_codes: expected a list", []VendorConfig{{"shop", "wecom", settings{"unverified": settings{"already_codes": 1}}}}},
		{"vendors[0].settings.unverified.already_codes[1]: expected a whole number", []VendorConfig{{"shop", "wecom", settings{"unverified": settings{"already_codes": []any{1, secret}}}}}},
		{"vendors[0].settings.unverified.nothing: is not a setting", []VendorConfig{{"shop", "wecom", settings{"unverified": settings{"nothing": secret}}}}},
		{"vendors[0].settings.overwrite: expected true or false", []VendorConfig{{"shop", "vivo", settings{"overwrite": secret}}}},
	} {
		conf := testConfig(t)
		conf.Vendors = c.list
		err := conf.Validate()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("a good configuration: %v", err)
		case c.want != "" && (err == nil || !strings.Contains("\n"+err.Error(), "\n"+c.want)):
			t.Errorf("got %v, want %s", err, c.want)
		case err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "4711")):
			t.Errorf("the error holds the value: %v", err)
		}
	}
}

// TestEveryProblemIsNamed: one mistake does not hide another.
func TestEveryProblemIsNamed(t *testing.T) {
	conf := testConfig(t)
	conf.Vendors = []VendorConfig{{"shop", "sms", nil}, {"shop", "ntfy", map[string]any{"a": 1, "b": 2}}, {"shop", "apns", nil}}
	err := conf.Validate()
	for _, want := range []string{"vendors[0].channel", "vendors[1].settings.a", "vendors[1].settings.b", "vendors[2].settings."} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not in %v", want, err)
		}
	}
}

// TestVendorClients: redirects are not followed, whatever a vendor answers, and
// over TLS both clients speak HTTP/2.
func TestVendorClients(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	clients := newVendorClients()
	defer clients.close()
	for name, c := range map[string]*http.Client{"common": clients.common, "two": clients.two} {
		c.Transport.(*http.Transport).TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusTemporaryRedirect || resp.ProtoMajor != 2 {
			t.Errorf("%s: %s, %s", name, resp.Proto, resp.Status)
		}
	}
}

// ntfyOf starts a double of an ntfy server and returns what an app needs for it.
func ntfyOf(t *testing.T, app string) (*double.Server, VendorConfig) {
	t.Helper()
	s, err := ntfytest.Start(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s.Server, VendorConfig{app, "ntfy", map[string]any{"base_url": s.URL, "token": ntfytest.Token}}
}

// TestAppsCallTheirOwnVendor: a command goes out with its own app's settings (L10).
func TestAppsCallTheirOwnVendor(t *testing.T) {
	shop, a := ntfyOf(t, "shop")
	bank, b := ntfyOf(t, "bank")
	conf := testConfig(t)
	conf.Vendors = []VendorConfig{a, b}
	clients := newVendorClients()
	defer clients.close()
	all, err := conf.emitters(clients)
	if err != nil {
		t.Fatal(err)
	}
	for app, want := range map[string]channels.Result{
		"shop": {Device: "d1", Verdict: channels.Accepted}, "bank": {Device: "d1", Verdict: channels.Accepted},
		"club": {Device: "d1", Verdict: channels.Refused, Reason: channels.ReasonNotConfigured},
	} {
		r, err := all["ntfy"].Emit(t.Context(), channels.Command{
			App: app, Push: "p1", Channel: "ntfy", Method: channels.Remove, Devices: []string{"d1"}, Slot: "42",
		})
		if err != nil || len(r.Results) != 1 || r.Results[0] != want {
			t.Errorf("%s: %+v, %v; want %+v", app, r.Results, err, want)
		}
	}
	if len(shop.Calls()) != 1 || len(bank.Calls()) != 1 {
		t.Errorf("calls: shop %q, bank %q", shop.Calls(), bank.Calls())
	}
}

// TestConfiguredLater: what was refused for want of settings is carried out once
// there are some, and what the node says of them are names only.
func TestConfiguredLater(t *testing.T) {
	s, v := ntfyOf(t, "shop")
	s.Tray.Show("topic-1", "42", "Sale")
	conf := testConfig(t)
	_, client, stop := start(t, conf)
	publish(t, client,
		`{"kind":"push.created","push":"p1","data":{"title":"Sale","slot":"42","audience":{"kind":"all"}}}`,
		`{"kind":"push.sent","push":"p1","data":{"channel":"ntfy","devices":["topic-1"]}}`)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	a, err := client.Recall(ctx, api.RecallRequest{Push: "p1", Action: channels.Recall}, "")
	if err != nil {
		t.Fatal(err)
	}
	await(t, ctx, client, a.Recall, func(c projections.RecallCounts) bool { return c.Refused == 1 })
	if got := s.Tray.Screen("topic-1"); len(got) != 1 {
		t.Fatalf("without settings the screen is %v", got)
	}
	stop()

	var said bytes.Buffer
	conf.Vendors, conf.Logger = []VendorConfig{v}, slog.New(slog.NewTextHandler(&said, nil))
	_, client, stop = start(t, conf)
	if n, err := client.Redrive(ctx, a.Recall); err != nil || n != 1 {
		t.Fatalf("redrive: %d, %v", n, err)
	}
	await(t, ctx, client, a.Recall, func(c projections.RecallCounts) bool { return c.Accepted == 1 })
	if got := s.Tray.Screen("topic-1"); len(got) != 0 {
		t.Errorf("with settings the screen is %v", got)
	}
	stop()
	if !strings.Contains(said.String(), "app=shop channel=ntfy") || strings.Contains(said.String(), ntfytest.Token) || strings.Contains(said.String(), s.URL) {
		t.Errorf("the node said %s", said.String())
	}
}

// await waits until the one device of a recall has an outcome.
func await(t *testing.T, ctx context.Context, client *api.Client, recall string, has func(projections.RecallCounts) bool) {
	t.Helper()
	seen := errors.New("seen")
	err := client.Watch(ctx, recall, "", func(r projections.Recall) error {
		if has(r.Total) {
			return seen
		}
		return nil
	})
	if !errors.Is(err, seen) {
		t.Fatal(err)
	}
}

// TestExampleNamesEverySetting: the example configuration names the settings each
// channel needs, all of them and nothing that does not exist. With them there is
// only a wrong value left to complain of, never one that is missing.
func TestExampleNamesEverySetting(t *testing.T) {
	text, err := os.ReadFile("../../deploy/recall.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(text), "The needed settings of each channel:\n")
	list, _, found := strings.Cut(list, "#   - {app: ")
	if !found {
		t.Fatal("the example has no list of settings")
	}
	words := regexp.MustCompile(`[a-z0-9_-]+`)
	remarks := regexp.MustCompile(`\(.*?\)|;.*| where .*`)
	named := map[string]map[string]any{}
	for line := range strings.Lines(list) {
		line = remarks.ReplaceAllString(strings.TrimPrefix(line, "#"), "")
		settings, of := map[string]any{}, []string(nil)
		for _, w := range words.FindAllString(line, -1) {
			if slices.ContainsFunc(adapters(), func(a adapter) bool { return a.channel == w }) {
				of = append(of, w)
				continue
			}
			settings[w] = "x"
			if w == "agent_id" {
				settings[w] = 1
			}
		}
		for _, channel := range of {
			named[channel] = settings
		}
	}
	for _, a := range adapters() {
		settings := named[a.channel]
		conf := testConfig(t)
		conf.Vendors = []VendorConfig{{"shop", a.channel, settings}}
		if err := conf.Validate(); len(settings) == 0 || err != nil &&
			(strings.Contains(err.Error(), "missing") || strings.Contains(err.Error(), "is not a setting")) {
			t.Errorf("%s with %v: %v", a.channel, settings, err)
		}
		for name := range settings {
			less := maps.Clone(settings)
			delete(less, name)
			conf.Vendors[0].Settings = less
			if conf.Validate() == nil && a.channel+name != "ntfytoken" {
				t.Errorf("%s does not need %s", a.channel, name)
			}
		}
	}
}
