package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/projections"
)

// The limits of what a client reads (L11).
const (
	maxAnswerBytes  = 256 << 20
	maxProblemBytes = 16 << 20
	maxLineBytes    = 1 << 20
)

// call is one request.
type call struct {
	method, path string
	query        query
	body         io.Reader
	contentType  string
	key          string
	accept       string
	// refused is told the header of an answer that is not a success; it may be nil.
	refused func(http.Header)
}

// send makes a request; an answer that is not a success becomes an error.
func (c *Client) send(ctx context.Context, k call) (*http.Response, error) {
	if c.past != nil {
		return c.sendPast(ctx, k)
	}
	return c.once(ctx, k)
}

func (c *Client) once(ctx context.Context, k call) (*http.Response, error) {
	target := c.base + k.path
	if len(k.query) > 0 {
		target += "?" + url.Values(k.query).Encode()
	}
	req, err := http.NewRequestWithContext(ctx, k.method, target, k.body)
	if err != nil {
		return nil, err
	}
	for _, h := range []struct{ name, value string }{
		{"Content-Type", k.contentType}, {headerKey, k.key}, {headerApp, c.app}, {"Accept", k.accept},
	} {
		if h.value != "" {
			req.Header.Set(h.name, h.value)
		}
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		if k.refused != nil {
			k.refused(resp.Header)
		}
		return nil, problemOf(resp)
	}
	return resp, nil
}

// problemOf reads the problem of an answer, or makes one when something else
// than the ledger answered.
func problemOf(resp *http.Response) error {
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxProblemBytes))
	if err != nil {
		return fmt.Errorf("read the answer (%s): %w", resp.Status, err)
	}
	p := &Problem{}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != typeProblem || json.Unmarshal(b, p) != nil {
		text, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
		p = &Problem{Title: resp.Status, Detail: fmt.Sprintf("the server answered %s, which is not an answer of a ledger: %.200s", resp.Status, text)}
	}
	p.Status = resp.StatusCode
	return p
}

func decode(resp *http.Response, into any) error {
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswerBytes)).Decode(into); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// Holders calls f for every holder of a push, by channel, until the list ends
// or f fails. After an error the list is resumed with the cursor of the last
// holder seen.
func (c *Client) Holders(ctx context.Context, push string, o HoldersOptions, f func(Holder) error) error {
	q := query{}.text("channel", o.Channel).text("certainty", o.Certainty).text("cursor", o.Cursor).
		number("limit", o.Limit).position(o.AtLeast)
	return lines(ctx, c, call{method: http.MethodGet, path: path("pushes", push, "holders"), query: q, accept: TypeNDJSON}, f)
}

// RecallDevices calls f for every notification that a recall concerns, until
// the list ends or f fails.
func (c *Client) RecallDevices(ctx context.Context, id string, o RecallDevicesOptions, f func(RecallDevice) error) error {
	q := query{}.text("outcome", o.Outcome).text("cursor", o.Cursor).number("limit", o.Limit).position(o.AtLeast)
	return lines(ctx, c, call{method: http.MethodGet, path: path("recalls", id, "devices"), query: q, accept: TypeNDJSON}, f)
}

// lines reads an answer of one JSON value per line. A list that the server had
// to break off ends in an error, never as if it were complete.
func lines[T any](ctx context.Context, c *Client, k call, f func(T) error) error {
	resp, err := c.send(ctx, k)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	s := bufio.NewScanner(resp.Body)
	s.Buffer(make([]byte, 64<<10), maxLineBytes)
	for s.Scan() {
		if len(s.Bytes()) == 0 {
			continue
		}
		var v T
		if err := json.Unmarshal(s.Bytes(), &v); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		if err := f(v); err != nil {
			return err
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("the list broke off: %w", err)
	}
	return nil
}

// ErrWatchEnded is a watch that the server ended before the recall was at its
// end: watch again.
var ErrWatchEnded = errors.New("the watch ended before the recall did")

// Watch calls f with a recall at once and whenever it changed, until the recall
// is closed, or with until "settled" until every command has its outcome, or
// until f fails.
func (c *Client) Watch(ctx context.Context, id string, until string, f func(projections.Recall) error) error {
	resp, err := c.send(ctx, call{
		method: http.MethodGet, path: path("recalls", id, "watch"),
		query: query{}.text("until", until), accept: typeEvents,
	})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	s := bufio.NewScanner(resp.Body)
	s.Buffer(make([]byte, 64<<10), maxLineBytes)
	var last projections.Recall
	event := ""
	for s.Scan() {
		name, value, _ := bytes.Cut(s.Bytes(), []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "event":
			event = string(value)
		case "data":
			if event != eventProgress {
				continue
			}
			last = projections.Recall{}
			if err := json.Unmarshal(value, &last); err != nil {
				return fmt.Errorf("read the answer: %w", err)
			}
			if err := f(last); err != nil {
				return err
			}
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrWatchEnded, err)
	}
	if last.State == ledger.Running && !(until == untilSettled && last.Settled) || last.Recall == "" {
		return ErrWatchEnded
	}
	return nil
}
