package ntfy

import (
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// message is the JSON form of publishing.
type message struct {
	Topic string `json:"topic"`
	// Sequence is the id under which subscribers show the message.
	Sequence string `json:"sequence_id,omitempty"`
	Title    string `json:"title,omitempty"`
	Message  string `json:"message"`
}

// request makes the call for a topic.
func (e *Emitter) request(c channels.Command, topic string) call.Request {
	r := call.Request{URL: e.c.BaseURL + "/", Header: map[string]string{}}
	if e.c.Token != "" {
		r.Header["Authorization"] = "Bearer " + e.c.Token
	}
	if c.Method == channels.Remove {
		// Also cancels a message that is scheduled and not delivered yet.
		r.Method, r.URL = http.MethodDelete, r.URL+url.PathEscape(topic)+"/"+c.Slot
		return r
	}
	m := message{Topic: topic, Sequence: c.Slot, Title: c.Title, Message: c.Body}
	if c.Forced {
		m.Sequence = ""
	}
	r.Body, _ = json.Marshal(m) // plain strings always marshal
	return r
}
