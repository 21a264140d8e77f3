package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// kind says how the value of a setting is written.
type kind uint8

const (
	kindText kind = iota
	kindBool
	kindInt
	kindDuration
	kindBytes
	// kindPart is a number from 0 to 1.
	kindPart
	// kindList stands in the file only.
	kindList
)

// setting is one value of the configuration of recall serve.
type setting struct {
	// key is its place in the file, env the environment variable, flag the flag
	// ("" for none).
	key, env, flag string
	kind           kind
	// secret values are never printed.
	secret bool
	help   string
}

// settings is the table of all of them. Names of environment variables are
// written out, since "_" both parts sections and stands inside of names.
func settings() []setting {
	return []setting{
		{key: "data", env: "RECALL_DATA", flag: "data", help: "folder of the log, the projection and the node's secret"},
		{key: "http.listen", env: "RECALL_HTTP_LISTEN", flag: "listen", help: "address of the API"},
		{key: "http.tls_cert", env: "RECALL_HTTP_TLS_CERT", flag: "tls-cert", help: "certificate of the API, a PEM file"},
		{key: "http.tls_key", env: "RECALL_HTTP_TLS_KEY", flag: "tls-key", help: "its key, a PEM file"},
		{key: "http.behind_proxy", env: "RECALL_HTTP_BEHIND_PROXY", flag: "behind-proxy", kind: kindBool,
			help: "something in front authenticates callers or ends TLS, so other addresses than loopback are meant"},
		{key: "devices.listen", env: "RECALL_DEVICES_LISTEN", flag: "devices", help: "WebSocket address for devices of the self-built channel (none opens none)"},
		{key: "devices.url", env: "RECALL_DEVICES_URL", help: "what devices are told to connect to"},
		{key: "devices.tls_cert", env: "RECALL_DEVICES_TLS_CERT", help: "certificate of that address, a PEM file"},
		{key: "devices.tls_key", env: "RECALL_DEVICES_TLS_KEY", help: "its key, a PEM file"},
		{key: "nats.url", env: "RECALL_NATS_URL", flag: "nats", help: "an external NATS cluster (none runs a server in the process)"},
		{key: "nats.context", env: "RECALL_NATS_CONTEXT", flag: "nats-context", help: "a context of the NATS CLI, by name or path, in place of nats.url"},
		{key: "nats.token", env: "RECALL_NATS_TOKEN", secret: true, help: "token for it"},
		{key: "nats.monitors", env: "RECALL_NATS_MONITORS", flag: "nats-monitors", help: "monitoring URLs of its servers, divided by commas, where the user may not ask whether they sync always"},
		{key: "nats.accept_unsynced", env: "RECALL_NATS_ACCEPT_UNSYNCED", flag: "accept-unsynced", kind: kindBool, help: "take servers that may lose acknowledged events with their power"},
		{key: "nats.creds", env: "RECALL_NATS_CREDS", flag: "nats-creds", help: "credentials file for it"},
		{key: "nats.user", env: "RECALL_NATS_USER", flag: "nats-user", help: "user for it; the password comes from RECALL_NATS_PASSWORD"},
		{key: "nats.password", env: "RECALL_NATS_PASSWORD", secret: true, help: "password for it"},
		{key: "nats.nkey", env: "RECALL_NATS_NKEY", help: "file of an nkey seed for it"},
		{key: "nats.ca", env: "RECALL_NATS_CA", help: "certificates to trust there, a PEM file"},
		{key: "nats.cert", env: "RECALL_NATS_CERT", help: "client certificate for it, a PEM file"},
		{key: "nats.key", env: "RECALL_NATS_KEY", help: "its key, a PEM file"},
		{key: "nats.replicas", env: "RECALL_NATS_REPLICAS", flag: "replicas", kind: kindInt, help: "copies of the log in the cluster: 1, 3 or 5"},
		{key: "node.id", env: "RECALL_NODE_ID", flag: "node-id", help: "name of this node among those beside one cluster (none takes the host's name)"},
		{key: "node.partitions", env: "RECALL_NODE_PARTITIONS", flag: "node-partitions", help: "partitions that this node folds and works for, as in 0,2-3 (none takes all); it answers for the others by asking"},
		{key: "log.max_age", env: "RECALL_LOG_MAX_AGE", flag: "max-age", kind: kindDuration, help: "how long the log keeps events"},
		{key: "log.max_bytes", env: "RECALL_LOG_MAX_BYTES", flag: "max-bytes", kind: kindBytes, help: "how large the log may grow before it takes no more"},
		{key: "log.partitions", env: "RECALL_LOG_PARTITIONS", flag: "partitions", kind: kindInt, help: "logs side by side, chosen when the log is made; 0 takes what is there, or one"},
		{key: "log.level", env: "RECALL_LOG_LEVEL", flag: "log-level", help: "what to report: debug, info, warn or error"},
		{key: "log.format", env: "RECALL_LOG_FORMAT", flag: "log-format", help: "how to report: text or json"},
		{key: "recall.window", env: "RECALL_WINDOW", flag: "window", kind: kindDuration, help: "how long after its start a push can be recalled"},
		{key: "recall.max_lag", env: "RECALL_MAX_LAG", kind: kindInt, help: "how many events the projection may be behind before the node is not ready"},
		{key: "recall.notice", env: "RECALL_NOTICE", help: "text shown where a channel can only overwrite (none takes the ledger's own)"},
		{key: "recall.language", env: "RECALL_LANGUAGE", help: "language of the ledger's own text: en, zh-Hans, zh-Hant, ja or ko"},
		{key: "memory.pushes", env: "RECALL_MEMORY_PUSHES", kind: kindBytes, help: "memory for pushes that are being written to"},
		{key: "memory.dictionaries", env: "RECALL_MEMORY_DICTIONARIES", kind: kindBytes, help: "memory for which device is which; what does not fit is read from disk"},
		{key: "memory.cache", env: "RECALL_MEMORY_CACHE", kind: kindBytes, help: "memory for what was read from the projection"},
		{key: "tracing.endpoint", env: "RECALL_TRACING_ENDPOINT", help: "URL of a collector that takes spans by OTLP over HTTP (none makes no spans)"},
		{key: "tracing.sample", env: "RECALL_TRACING_SAMPLE", kind: kindPart, help: "part of the publishing requests that make a span, 0 to 1; recalls all do"},
		{key: "tracing.vendors", env: "RECALL_TRACING_VENDORS", kind: kindBool, help: "calls of vendors carry a traceparent too"},
		{key: "keys", kind: kindList, help: "credentials of callers; see recall key create"},
		{key: "facades", kind: kindList, help: "keys of vendor clients; see recall facade --help"},
		{key: "callbacks", kind: kindList, help: "who may report what happened to notifications; see deploy/recall.yaml"},
		{key: "webhooks", kind: kindList, help: "URLs that are told of recalls; see deploy/recall.yaml"},
		{key: "vendors", kind: kindList, help: "what apps need to call the vendors of their channels; see deploy/recall.yaml"},
	}
}

// parse reads a value as the file, the environment or a flag has it.
func (s setting) parse(v any) (any, error) {
	text, isText := v.(string)
	switch s.kind {
	case kindText:
		if !isText {
			return nil, fmt.Errorf("is %v, expected text; put it in quotes", v)
		}
		return text, nil
	case kindBool:
		if b, ok := v.(bool); ok {
			return b, nil
		}
		if b, err := strconv.ParseBool(text); isText && err == nil {
			return b, nil
		}
		return nil, fmt.Errorf("is %q, expected true or false", fmt.Sprint(v))
	case kindInt:
		if n, err := strconv.Atoi(fmt.Sprint(v)); err == nil && n >= 0 {
			return n, nil
		}
		return nil, fmt.Errorf("is %q, expected a whole number", fmt.Sprint(v))
	case kindDuration:
		if d, ok := v.(time.Duration); ok {
			return d, nil
		}
		return parseDuration(fmt.Sprint(v))
	case kindBytes:
		return parseBytes(fmt.Sprint(v))
	case kindPart:
		if f, err := strconv.ParseFloat(fmt.Sprint(v), 64); err == nil && f >= 0 && f <= 1 {
			return f, nil
		}
		return nil, fmt.Errorf("is %q, expected a number from 0 to 1", fmt.Sprint(v))
	}
	return v, nil
}

// parseDuration reads durations, with days, in which log ages and windows are
// thought of.
func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil {
		return d, nil
	}
	return 0, fmt.Errorf("is %q, expected a duration such as 7d, 36h or 90m", s)
}

// parseBytes reads sizes, in bytes or with a unit.
func parseBytes(s string) (int64, error) {
	number, unit := strings.TrimSpace(s), int64(1)
	for i, u := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if n, ok := strings.CutSuffix(number, u); ok {
			number, unit = strings.TrimSpace(n), 1<<(10*(i+1))
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/unit {
		return 0, fmt.Errorf("is %q, expected a size such as 512MiB or 64GiB", s)
	}
	return n * unit, nil
}

// show writes a value as it could stand in the file, secrets left out.
func (s setting) show(v any) string {
	switch v := v.(type) {
	case time.Duration:
		if day := 24 * time.Hour; v >= day && v%day == 0 {
			return strconv.Itoa(int(v/day)) + "d"
		}
		return v.String()
	case string:
		switch {
		case v == "":
			return `""`
		case s.secret:
			return "(set, not shown)"
		case s.key == "nats.url":
			return redacted(v)
		}
		return v
	}
	if s.kind == kindBytes {
		var n int64
		if _, err := fmt.Sscan(fmt.Sprint(v), &n); err == nil {
			return exactSize(n)
		}
	}
	return fmt.Sprint(v)
}

// exactSize writes a size with the largest unit that divides it.
func exactSize(n int64) string {
	for i, u := range []string{"TiB", "GiB", "MiB", "KiB"} {
		if unit := int64(1) << (40 - 10*i); n >= unit && n%unit == 0 {
			return strconv.FormatInt(n/unit, 10) + u
		}
	}
	return strconv.FormatInt(n, 10)
}
