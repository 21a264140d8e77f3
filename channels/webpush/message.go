package webpush

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	push "github.com/SherClockHolmes/webpush-go"

	"github.com/recall-ledger/recall-ledger/channels"
)

// ttl is how long a push service keeps a message for an offline browser, in
// seconds: four weeks, what Chrome's service keeps at most, Mozilla's two days more.
const ttl = 28 * 24 * 60 * 60

// A message is padded to a multiple of step bytes, so that its length does not tell
// the text; maxRecord is what every push service must take (RFC 8291, section 4;
// Mozilla takes 2744 for Firefox on Android). overhead is what encryption adds: a
// header of 86, a delimiter and a tag of 16.
const (
	step      = 512
	maxRecord = 4096
	overhead  = 86 + 1 + 16
)

// payload is what the service worker gets.
type payload struct {
	Tag         string `json:"tag,omitempty"`
	Title       string `json:"title,omitempty"`
	Body        string `json:"body,omitempty"`
	Push        string `json:"push"`
	Replacement string `json:"replacement,omitempty"`
}

// message is what all calls of a command have in common.
type message struct {
	topic string
	text  []byte
}

func messageOf(c channels.Command) message {
	m := message{}
	if !c.Forced {
		m.topic = c.Slot
	}
	// Plain strings always marshal.
	m.text, _ = json.Marshal(payload{Tag: m.topic, Title: c.Title, Body: c.Body, Push: c.Push, Replacement: c.Replacement})
	return m
}

// record is how long the encrypted message is, in bytes.
func (m message) record() int { return (len(m.text) + overhead + step - 1) / step * step }

// errTaken is what the library hears in place of an answer.
var errTaken = errors.New("the request is sent elsewhere")

// taker is the client the library is given: it keeps the request, so that it is
// package call that sends it, once and within its limits.
type taker struct{ req *http.Request }

func (t *taker) Do(req *http.Request) (*http.Response, error) {
	t.req = req
	return nil, errTaken
}

// request encrypts a message for a subscription.
func (e *Emitter) request(ctx context.Context, m message, s subscription) (*http.Request, error) {
	var t taker
	to := &push.Subscription{Endpoint: s.endpoint.String(), Keys: push.Keys{P256dh: s.p256dh, Auth: s.auth}}
	// The library appends to the text; clipped, it cannot do so in place, where the
	// calls for other subscriptions do as well.
	res, err := push.SendNotificationWithContext(ctx, slices.Clip(m.text), to, &push.Options{
		HTTPClient: &t, RecordSize: uint32(m.record()), Topic: m.topic, TTL: ttl, Urgency: push.UrgencyHigh,
		Subscriber: e.signer.subject, VAPIDPublicKey: e.signer.public, VAPIDPrivateKey: e.signer.private,
	})
	if res != nil {
		res.Body.Close()
	}
	if t.req == nil {
		return nil, err
	}
	if e.base != nil {
		u := *s.endpoint
		u.Scheme, u.Host = e.base.Scheme, e.base.Host
		u.Path, u.RawPath = e.base.Path+s.endpoint.Path, e.base.EscapedPath()+s.endpoint.EscapedPath()
		t.req.URL, t.req.Host = &u, u.Host
	}
	return t.req, nil
}
