package meizu

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// The limits of texts, in characters.
const (
	maxTitle   = 32
	maxContent = 100
)

// The bounds and the default of how long Meizu keeps a message for a device that
// is offline, in hours.
const (
	leastHours   = 1
	mostHours    = 72
	defaultHours = 24
)

// maxCode is the longest code that is believed and shown, in digits.
const maxCode = 8

// message is the messageJson of a notification.
type message struct {
	Bar     noticeBar `json:"noticeBarInfo"`
	Time    pushTime  `json:"pushTimeInfo"`
	Advance *advance  `json:"advanceInfo,omitempty"`
}

type noticeBar struct {
	Title   string `json:"title"`
	Content string `json:"content"`
}

type pushTime struct {
	// Offline is 1 for a message that waits for devices that are offline.
	Offline int `json:"offLine"`
	// Valid is how long it waits, in hours.
	Valid int `json:"validTime"`
}

type advance struct {
	// NotifyKey: of all notifications with this key the phone shows the last.
	NotifyKey string `json:"notifyKey"`
}

// answer is what Meizu says to every call.
type answer struct {
	Code    json.RawMessage `json:"code"`
	Message string          `json:"message"`
	Value   json.RawMessage `json:"value"`
}

// code returns the code as digits, or "" where it is none: it goes into reasons.
func (a answer) code() string {
	s := strings.Trim(string(a.Code), `"`)
	if len(s) > maxCode || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return s
}

// sign returns Meizu's signature of parameters: the MD5 of all of them as
// name=value, sorted and joined by nothing, and the app's secret.
func sign(parameters map[string]string, secret string) string {
	h := md5.New()
	for _, k := range slices.Sorted(maps.Keys(parameters)) {
		h.Write([]byte(k + "=" + parameters[k]))
	}
	h.Write([]byte(secret))
	return hex.EncodeToString(h.Sum(nil))
}

// messageOf makes the message of an overwrite. A forced one replaces nothing.
func messageOf(c channels.Command, now time.Time) message {
	title, content := texts(c)
	m := message{Bar: noticeBar{title, content}, Time: pushTime{Offline: 1, Valid: hours(c, now)}}
	if !c.Forced {
		m.Advance = &advance{NotifyKey: c.Slot}
	}
	return m
}

// texts returns the title and the content, both of which Meizu demands. Where one
// is missing the other is shown whole as the content and begins the title, which
// may be shorter.
func texts(c channels.Command) (title, content string) {
	title, content = call.Texts(c)
	if c.Title == "" || c.Body == "" {
		title = head(content)
	}
	return title, content
}

// fits reports whether the texts are within Meizu's limits.
func fits(c channels.Command) bool {
	title, content := texts(c)
	return utf8.RuneCountInString(title) <= maxTitle && utf8.RuneCountInString(content) <= maxContent
}

func head(s string) string {
	if r := []rune(s); len(r) > maxTitle {
		return string(r[:maxTitle])
	}
	return s
}

// hours is how long the new text waits for a device that is offline, rounded up.
func hours(c channels.Command, now time.Time) int {
	left := call.Left(c, now, leastHours*time.Hour, mostHours*time.Hour)
	if left == 0 {
		return defaultHours
	}
	return int((left + time.Hour - 1) / time.Hour)
}

// failures reads the value of a push that was taken: lists of push ids by code,
// or an empty text where there are none.
func failures(value json.RawMessage) (map[string][]string, bool) {
	if v := string(value); v == "" || v == `""` {
		return nil, true
	}
	var lists map[string][]string
	return lists, json.Unmarshal(value, &lists) == nil
}

// digits returns a code that may be shown.
func digits(code string) string { return answer{Code: json.RawMessage(code)}.code() }

// cancelled reads the value of a cancel call that was taken.
func cancelled(value json.RawMessage) bool {
	var v struct {
		Result bool `json:"result"`
	}
	return json.Unmarshal(value, &v) == nil && v.Result
}
