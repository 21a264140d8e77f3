package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/projections"
)

// The content types events are published in.
const (
	TypeJSON        = "application/json"
	TypeNDJSON      = "application/x-ndjson"
	TypeCloudEvent  = "application/cloudevents+json"
	TypeCloudEvents = "application/cloudevents-batch+json"
)

// ClientConfig configures a Client.
type ClientConfig struct {
	// URL is where the ledger listens, for example http://127.0.0.1:8090.
	URL string
	// Token is the credential, "" for a ledger without credentials.
	Token string
	// App names the tenant for a ledger without credentials; "" leaves it to
	// the server. With a token it must be the token's app or "".
	App string
	// HTTP is the client to use; nil means one without a timeout of its own,
	// since streams last: bound calls by their context.
	HTTP *http.Client
}

// Client speaks to a ledger over HTTP. Its methods may be called concurrently.
// What the server refuses is a *Problem; other errors mean that no answer came,
// or one that is not the ledger's.
type Client struct {
	base       string
	token, app string
	http       *http.Client
	// past is what AsOf was given; nil asks for the present.
	past *pastOptions
}

// NewClient returns a client. It does not connect.
func NewClient(c ClientConfig) (*Client, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, fmt.Errorf("server URL: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("server URL %q: want http://HOST:PORT or https://HOST:PORT", u.Redacted())
	}
	if c.App != "" {
		if err := events.CheckApp("app", c.App); err != nil {
			return nil, err
		}
	}
	if strings.ContainsAny(c.Token, "\r\n \t") {
		return nil, errors.New("token: has spaces or line breaks in it")
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{}
	}
	return &Client{base: strings.TrimRight(u.String(), "/"), token: c.Token, app: c.App, http: c.HTTP}, nil
}

// ReadOptions say how new an answer must be.
type ReadOptions struct {
	// AtLeast makes the server wait until it has applied the position; the
	// zero Position asks for nothing.
	AtLeast events.Positions
}

// ListOptions select a page of a list.
type ListOptions struct {
	// Cursor is the Next of the page before; "" begins.
	Cursor string
	// Limit bounds the entries; 0 leaves it to the server.
	Limit   int
	AtLeast events.Positions
}

// HoldersOptions select holders of a push.
type HoldersOptions struct {
	// Channel and Certainty (certain or possible) restrict the list; "" is all.
	Channel   string
	Certainty string
	// Cursor resumes after a holder.
	Cursor string
	// Limit bounds the holders; 0 means all.
	Limit   int
	AtLeast events.Positions
}

// RecallDevicesOptions select devices of a recall.
type RecallDevicesOptions struct {
	// Outcome restricts the list; "" is all.
	Outcome string
	// Cursor resumes after a device.
	Cursor string
	// Limit bounds the devices; 0 means all.
	Limit   int
	AtLeast events.Positions
}

// Publish sends events: one of the Type constants says how body is written. It
// returns once what was accepted is durable. Refused events are listed in the
// answer; when all were, the error is a *Problem besides.
func (c *Client) Publish(ctx context.Context, contentType string, body io.Reader) (PublishAnswer, error) {
	var a PublishAnswer
	resp, err := c.send(ctx, call{method: http.MethodPost, path: "/v1/events", body: body, contentType: contentType})
	if err != nil {
		var p *Problem
		if errors.As(err, &p) {
			a.Refused = p.Refused
		}
		return a, err
	}
	err = decode(resp, &a)
	return a, err
}

// Push returns what is known of a push.
func (c *Client) Push(ctx context.Context, push string, o ReadOptions) (*projections.Push, error) {
	var a projections.Push
	if err := c.get(ctx, &a, query{}.position(o.AtLeast), "pushes", push); err != nil {
		return nil, err
	}
	return &a, nil
}

// Pushes lists pushes, newest first.
func (c *Client) Pushes(ctx context.Context, o ListOptions) (PushList, error) {
	var a PushList
	err := c.get(ctx, &a, o.query(), "pushes")
	return a, err
}

// Notification returns the state of a push at a device, on the channel given or
// on every one, with its history.
func (c *Client) Notification(ctx context.Context, push, device, channel string, o ReadOptions) (NotificationAnswer, error) {
	var a NotificationAnswer
	err := c.get(ctx, &a, query{}.text("channel", channel).position(o.AtLeast), "pushes", push, "devices", device)
	return a, err
}

// Device lists what a device holds unclicked, newest first, or with all
// everything that ever went there.
func (c *Client) Device(ctx context.Context, device, channel string, all bool) ([]projections.Notification, error) {
	var a NotificationList
	err := c.get(ctx, &a, query{}.text("channel", channel).flag("all", all), "devices", device)
	return a.Notifications, err
}

// User lists what the devices of a user hold unclicked, or with all everything.
func (c *Client) User(ctx context.Context, user string, all bool) ([]projections.Notification, error) {
	var a NotificationList
	err := c.get(ctx, &a, query{}.flag("all", all), "users", user)
	return a.Notifications, err
}

// Gate asks whether a push may still be handed over to a device. channel and
// user may be "". On an error the caller must treat the gate as closed.
func (c *Client) Gate(ctx context.Context, push, device, channel, user string) (GateAnswer, error) {
	var a GateAnswer
	q := query{}.text("device", device).text("channel", channel).text("user", user)
	if err := c.get(ctx, &a, q, "pushes", push, "gate"); err != nil {
		return GateAnswer{}, err
	}
	return a, nil
}

// Preview says what a recall would do, and does nothing.
func (c *Client) Preview(ctx context.Context, r RecallRequest) (*decision.Preview, error) {
	var a decision.Preview
	if _, err := c.post(ctx, &a, r, "", "preview"); err != nil {
		return nil, err
	}
	return &a, nil
}

// Recall takes a push back. key is the idempotency key: a retry with the same
// key and request gets the first answer again, which a caller who lost the
// answer needs; "" sends none. A refusal is a *Problem.
func (c *Client) Recall(ctx context.Context, r RecallRequest, key string) (RecallAnswer, error) {
	var a RecallAnswer
	h, err := c.post(ctx, &a, r, key, "recalls")
	if err != nil {
		return RecallAnswer{}, err
	}
	a.Replayed = h.Get(headerReplayed) == "true"
	if s := h.Get(headerPosition); s != "" && !a.Replayed {
		if a.Position, err = events.ParsePosition(s); err != nil {
			return a, fmt.Errorf("header %s: %w", headerPosition, err)
		}
	}
	return a, nil
}

// GetRecall returns a recall and how far it is.
func (c *Client) GetRecall(ctx context.Context, id string) (*projections.Recall, error) {
	var a projections.Recall
	if err := c.get(ctx, &a, query{}, "recalls", id); err != nil {
		return nil, err
	}
	return &a, nil
}

// Recalls lists recalls, newest first.
func (c *Client) Recalls(ctx context.Context, o ListOptions) (RecallList, error) {
	var a RecallList
	err := c.get(ctx, &a, o.query(), "recalls")
	return a, err
}

// Abort stops a running recall. What was carried out stays so.
func (c *Client) Abort(ctx context.Context, id, reason string) error {
	_, err := c.post(ctx, nil, AbortRequest{Reason: reason}, "", "recalls", id, "abort")
	return err
}

// Redrive issues the refused commands of a running recall once more and returns
// for how many devices.
func (c *Client) Redrive(ctx context.Context, id string) (int, error) {
	var a RedriveAnswer
	_, err := c.post(ctx, &a, nil, "", "recalls", id, "redrive")
	return a.Devices, err
}

// Positions says how far each partition is.
func (c *Client) Positions(ctx context.Context) (PositionsAnswer, error) {
	var a PositionsAnswer
	err := c.get(ctx, &a, query{}, "positions")
	return a, err
}

// Quarantine lists the events that the fold passed over, newest first.
func (c *Client) Quarantine(ctx context.Context, o ListOptions) (QuarantineList, error) {
	var a QuarantineList
	err := c.get(ctx, &a, o.query(), "quarantine")
	return a, err
}

// DeadLetters lists the recalls with refused commands, newest first. A page may
// hold fewer than the limit and still have a Next.
func (c *Client) DeadLetters(ctx context.Context, o ListOptions) (RecallList, error) {
	var a RecallList
	err := c.get(ctx, &a, o.query(), "dead-letters")
	return a, err
}

// Channels returns the matrix of what each channel allows.
func (c *Client) Channels(ctx context.Context) ([]channels.Row, error) {
	var a ChannelList
	err := c.get(ctx, &a, query{}, "channels")
	return a.Channels, err
}

// DeviceCredential returns what a device of the self-built channel connects
// with. It needs role admin.
func (c *Client) DeviceCredential(ctx context.Context, device string) (DeviceCredential, error) {
	var a DeviceCredential
	_, err := c.post(ctx, &a, nil, "", "devices", device, "credential")
	return a, err
}

// Facades lists the app's keys of vendor clients. It needs role admin.
func (c *Client) Facades(ctx context.Context) ([]FacadeCredential, error) {
	var a FacadeCredentialList
	err := c.get(ctx, &a, query{}, "facades")
	return a.Credentials, err
}

// PutFacade enters a key of a vendor client for the app, or changes it. It
// needs role admin.
func (c *Client) PutFacade(ctx context.Context, facade, id string, s FacadeSecret) (FacadeCredential, error) {
	var a FacadeCredential
	_, err := c.write(ctx, http.MethodPut, &a, s, "", "facades", facade, id)
	return a, err
}

// DeleteFacade deletes a key of a vendor client and reports whether there was
// one. It needs role admin.
func (c *Client) DeleteFacade(ctx context.Context, facade, id string) (bool, error) {
	var a FacadeDeleted
	_, err := c.write(ctx, http.MethodDelete, &a, nil, "", "facades", facade, id)
	return a.Deleted, err
}

// query builds a query string; values that say nothing are left out.
type query url.Values

func (q query) text(name, value string) query {
	if value != "" {
		url.Values(q).Set(name, value)
	}
	return q
}

func (q query) number(name string, n int) query {
	if n == 0 {
		return q
	}
	return q.text(name, strconv.Itoa(n))
}

func (q query) flag(name string, set bool) query {
	if !set {
		return q
	}
	return q.text(name, "true")
}

func (q query) position(p events.Positions) query {
	if len(p) == 0 {
		return q
	}
	return q.text("at_least", p.String())
}

func (o ListOptions) query() query {
	return query{}.text("cursor", o.Cursor).number("limit", o.Limit).position(o.AtLeast)
}

// path writes segments so that any id survives: PathEscape leaves "." and ".."
// alone, which everything on the way would take for a folder.
func path(segments ...string) string {
	var b strings.Builder
	b.WriteString("/v1")
	for _, s := range segments {
		b.WriteByte('/')
		switch s {
		case ".", "..":
			b.WriteString(strings.ReplaceAll(s, ".", "%2E"))
		default:
			b.WriteString(url.PathEscape(s))
		}
	}
	return b.String()
}

func (c *Client) get(ctx context.Context, into any, q query, segments ...string) error {
	resp, err := c.send(ctx, call{method: http.MethodGet, path: path(segments...), query: q})
	if err != nil {
		return err
	}
	return decode(resp, into)
}

func (c *Client) post(ctx context.Context, into, body any, key string, segments ...string) (http.Header, error) {
	return c.write(ctx, http.MethodPost, into, body, key, segments...)
}

func (c *Client) write(ctx context.Context, method string, into, body any, key string, segments ...string) (http.Header, error) {
	k := call{method: method, path: path(segments...), key: key}
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		k.body, k.contentType = bytes.NewReader(b), TypeJSON
	}
	resp, err := c.send(ctx, k)
	if err != nil {
		return nil, err
	}
	if into == nil {
		return resp.Header, resp.Body.Close()
	}
	return resp.Header, decode(resp, into)
}
