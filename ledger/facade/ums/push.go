package ums

import (
	"encoding/json"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// appPush is what the ledger reads of an app message: a JPush push body
// (docs.jiguang.cn/jpush/server/push/rest_api_v3_push, checked 2026-11-20).
type appPush struct {
	Notification struct {
		Alert   json.RawMessage `json:"alert"`
		Android wording         `json:"android"`
		IOS     wording         `json:"ios"`
	} `json:"notification"`
	Message struct {
		Title   string `json:"title"`
		Content string `json:"msg_content"`
	} `json:"message"`
	Options struct {
		Lifetime int64 `json:"time_to_live"`
	} `json:"options"`
}

type wording struct {
	Title string          `json:"title"`
	Alert json.RawMessage `json:"alert"`
}

// pushes returns the app messages of the request that can be read. One that
// cannot is still sent by whoever sends it; only its words are not shown here.
func (s send) pushes() []appPush {
	var raw []json.RawMessage
	if json.Unmarshal(s["msg_app"], &raw) != nil {
		return nil
	}
	var list []appPush
	for _, r := range raw {
		var p appPush
		if json.Unmarshal(r, &p) == nil {
			list = append(list, p)
		}
	}
	return list
}

// words returns the first title and body that a push shows.
func (p appPush) words() (title, body string) {
	n := p.Notification
	for _, w := range []wording{n.Android, n.IOS, {Alert: n.Alert}, {Title: p.Message.Title, Alert: quote(p.Message.Content)}} {
		t, b := w.words()
		if title == "" {
			title = facade.Clean(t, events.MaxTitle)
		}
		if body == "" {
			body = facade.Clean(b, events.MaxBody)
		}
	}
	return title, body
}

// words reads an alert, which is a text, or an object on iOS.
func (w wording) words() (title, body string) {
	var plain string
	if json.Unmarshal(w.Alert, &plain) == nil {
		return w.Title, plain
	}
	var parts struct{ Title, Body string }
	if json.Unmarshal(w.Alert, &parts) == nil && parts.Title != "" {
		return parts.Title, parts.Body
	}
	return w.Title, parts.Body
}

func quote(s string) json.RawMessage {
	b, err := json.Marshal(s)
	if err != nil { // a string always marshals
		panic(err)
	}
	return b
}
