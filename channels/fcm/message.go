package fcm

import "github.com/recall-ledger/recall-ledger/channels"

// maxPayload is what FCM takes of a message, in bytes (page on ErrorCode, checked
// 2026-11-20). It is counted here as the texts and keys of the message; that FCM
// counts so is unverified, and it says INVALID_ARGUMENT where it counts more.
const maxPayload = 4096

// maxCollapse is the longest apns-collapse-id, in bytes (see package apns). A push
// with a longer slot has none, so its iOS notification cannot be replaced.
const maxCollapse = 64

// request is the body of messages:send.
type request struct {
	Message message `json:"message"`
}

type message struct {
	Token        string            `json:"token"`
	Notification *notification     `json:"notification,omitempty"`
	Data         map[string]string `json:"data,omitempty"`
	Android      android           `json:"android"`
	APNS         *apns             `json:"apns,omitempty"`
	Webpush      *webpush          `json:"webpush,omitempty"`
}

// size is what the texts and keys of a message have, in bytes.
func (m message) size() int {
	n := 0
	for k, v := range m.Data {
		n += len(k) + len(v)
	}
	if m.Notification != nil {
		n += len(m.Notification.Title) + len(m.Notification.Body)
	}
	return n
}

type notification struct {
	Title string `json:"title,omitempty"`
	Body  string `json:"body,omitempty"`
}

type tagged struct {
	Tag string `json:"tag"`
}

type android struct {
	// Priority HIGH wakes the device; a data message has NORMAL otherwise.
	Priority     string  `json:"priority"`
	Notification *tagged `json:"notification,omitempty"`
}

type apns struct {
	Headers map[string]string `json:"headers"`
}

type webpush struct {
	Notification tagged `json:"notification"`
}

// form is how one of the two channels says a command.
type form struct {
	methods []channels.Method
	message func(c channels.Command) message
}

// formOf returns the form of a channel; the form of an unknown one has no method.
func formOf(channel string) form {
	return map[string]form{
		Notification: {[]channels.Method{channels.Overwrite}, notificationMessage},
		Data:         {[]channels.Method{channels.Remove, channels.Overwrite}, dataMessage},
	}[channel]
}

// notificationMessage is drawn by the system. What is in data comes back to the app
// with a click.
func notificationMessage(c channels.Command) message {
	m := message{
		Notification: &notification{Title: c.Title, Body: c.Body},
		Data:         ids(c),
		Android:      android{Priority: "HIGH"},
	}
	if !c.Forced {
		m.Android.Notification = &tagged{c.Slot}
		if len(c.Slot) <= maxCollapse {
			m.APNS = &apns{Headers: map[string]string{"apns-collapse-id": c.Slot}}
		}
		m.Webpush = &webpush{Notification: tagged{c.Slot}}
	}
	return m
}

// dataMessage is obeyed by the app, as the package comment says.
func dataMessage(c channels.Command) message {
	m := message{Data: ids(c), Android: android{Priority: "HIGH"}}
	if c.Method == channels.Remove || !c.Forced {
		m.Data["recall"] = c.Slot
	}
	if c.Method == channels.Overwrite {
		put(m.Data, "title", c.Title)
		put(m.Data, "body", c.Body)
	}
	return m
}

// ids names the push that is taken back, and the one that takes its place.
func ids(c channels.Command) map[string]string {
	data := map[string]string{"push": c.Push}
	put(data, "replacement", c.Replacement)
	return data
}

func put(data map[string]string, key, value string) {
	if value != "" {
		data[key] = value
	}
}
