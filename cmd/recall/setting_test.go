package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// The table of settings has every value of the node's configuration, so that
// none can be set in the file only by chance, or nowhere.
func TestSettingsAreComplete(t *testing.T) {
	k := koanf.New(".")
	if err := loadDefaults(k); err != nil {
		t.Fatal(err)
	}
	got, want := settingKeys(), k.Keys()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	seen := map[string]bool{}
	for _, s := range settings() {
		for _, name := range []string{s.env, "--" + s.flag} {
			if name != "" && name != "--" && seen[name] {
				t.Errorf("%s is there twice", name)
			}
			seen[name] = true
		}
		if s.help == "" || (s.env == "") != (s.kind == kindList) || s.env != "" && !strings.HasPrefix(s.env, "RECALL_") {
			t.Errorf("the row of %s is not complete", s.key)
		}
		if s.secret && s.flag != "" {
			t.Errorf("%s is secret, and a flag can be seen by everybody on the machine", s.key)
		}
	}
}

// Every variable reaches its value: names with "_" inside as well.
func TestEnvironment(t *testing.T) {
	for _, c := range []struct {
		kind         kind
		value, shown string
	}{
		{kindText, "x", "x"}, {kindBool, "true", "true"}, {kindInt, "3", "3"},
		{kindDuration, "36h", "36h0m0s"}, {kindBytes, "2MiB", "2MiB"}, {kindPart, "0.25", "0.25"},
	} {
		for _, s := range settings() {
			if s.env == "" || s.kind != c.kind || s.secret || strings.HasPrefix(s.key, "log.f") || strings.HasPrefix(s.key, "log.l") {
				continue
			}
			config, err := loadConfig("", []string{s.env + "=" + c.value, "RECALL_DATA_=y", "OTHER=z"}, pflag.NewFlagSet("", pflag.ContinueOnError))
			if err != nil {
				t.Errorf("%s: %v", s.env, err)
				continue
			}
			if got := s.show(config.values[s.key]); got != c.shown || config.from[s.key] != "environment" {
				t.Errorf("%s=%s: got %s from %s", s.env, c.value, got, config.from[s.key])
			}
		}
	}
	config, err := loadConfig("", []string{
		"RECALL_HTTP_TLS_CERT=c", "RECALL_WINDOW=8d", "RECALL_NATS_PASSWORD=p", "RECALL_MAX_LAG=5", "RECALL_MEMORY_PUSHES=1GiB", "RECALL_HTTP_BEHIND_PROXY=1",
	}, pflag.NewFlagSet("", pflag.ContinueOnError))
	if err != nil {
		t.Fatal(err)
	}
	n := config.node
	if n.HTTP.TLSCert != "c" || n.Recall.Window != 8*24*time.Hour || n.NATS.Password != "p" || n.Recall.MaxLag != 5 || n.Memory.Pushes != 1<<30 || !n.HTTP.BehindProxy {
		t.Errorf("got %+v", n)
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		kind kind
		in   any
		want any
	}{
		{kindDuration, "7d", 7 * 24 * time.Hour}, {kindDuration, "90m", 90 * time.Minute}, {kindDuration, "7", nil}, {kindDuration, 7, nil},
		{kindDuration, "", nil}, {kindDuration, "-1d", nil}, {kindDuration, "99999d", nil},
		{kindBytes, "1024", int64(1024)}, {kindBytes, 1024, int64(1024)}, {kindBytes, "64 GiB", int64(64 << 30)}, {kindBytes, "1.5GiB", nil},
		{kindBytes, "64GB", nil}, {kindBytes, "-1", nil}, {kindBytes, "9999999999TiB", nil},
		{kindBool, true, true}, {kindBool, "false", false}, {kindBool, "yes", nil}, {kindBool, 1, nil},
		{kindInt, 3, 3}, {kindInt, "3", 3}, {kindInt, -3, nil}, {kindInt, "three", nil},
		{kindText, "x", "x"}, {kindText, 5, nil},
		{kindPart, 0.5, 0.5}, {kindPart, "1", 1.0}, {kindPart, 0, 0.0}, {kindPart, 1.01, nil}, {kindPart, "-0.1", nil}, {kindPart, "NaN", nil}, {kindPart, "all", nil},
	} {
		got, err := setting{kind: c.kind}.parse(c.in)
		if (err != nil) != (c.want == nil) || err == nil && got != c.want {
			t.Errorf("%v: got %v, %v, want %v", c.in, got, err, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{
		"http.lisen": "http.listen", "http.tlscert": "http.tls_cert", "nats.relpicas": "nats.replicas", "telemetry": "", "x": "",
	} {
		got := strings.TrimSuffix(strings.TrimPrefix(nearest(word, settingKeys()), "; did you mean "), "?")
		if got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
}
