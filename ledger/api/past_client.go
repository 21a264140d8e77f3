package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/replay"
)

// Moment is the past moment an answer is of.
type Moment struct {
	Time time.Time
	// Positions are the last events that belong to it, From the oldest ones of
	// logs that keep no more: of what began before, not everything is known.
	Positions, From events.Positions
}

// PastOptions are what a client that asks for the past tells. Each may be nil.
type PastOptions struct {
	// Moment is told which moment an answer is of, Folding how far the ledger is
	// on the way there.
	Moment  func(Moment)
	Folding func(Progress)
}

// pastOptions are PastOptions with the moment to ask for.
type pastOptions struct {
	PastOptions
	text string
}

// AsOf returns a client whose questions are about a past moment: a time or
// positions, as the parameter as_of takes them. It waits while the ledger folds
// the log up to there. What would change something is refused, as are questions
// about the present alone.
func (c *Client) AsOf(moment string, o PastOptions) *Client {
	past := *c
	past.past = &pastOptions{o, moment}
	return &past
}

// sendPast asks until the log is folded.
func (c *Client) sendPast(ctx context.Context, k call) (*http.Response, error) {
	k.query = maps.Clone(k.query)
	if k.query == nil {
		k.query = query{}
	}
	k.query[replay.Field] = []string{c.past.text}
	for {
		resp, header, err := c.ask(ctx, k)
		if err == nil {
			return resp, c.tell(resp)
		}
		var p *Problem
		if !errors.As(err, &p) || p.Code != codeFolding {
			return nil, err
		}
		if p.Progress != nil && c.past.Folding != nil {
			c.past.Folding(*p.Progress)
		}
		// What is relative to the present must not move meanwhile.
		if at := header.Get(headerAsOfTime); at != "" {
			k.query[replay.Field] = []string{"@" + at}
		}
		if err := rewind(k.body); err != nil {
			return nil, err
		}
		if err := pause(ctx, time.Duration(p.RetryAfter)*time.Second); err != nil {
			return nil, err
		}
	}
}

// ask is once with the header of what was refused.
func (c *Client) ask(ctx context.Context, k call) (*http.Response, http.Header, error) {
	var header http.Header
	k.refused = func(h http.Header) { header = h }
	resp, err := c.once(ctx, k)
	return resp, header, err
}

// tell passes on which moment an answer is of.
func (c *Client) tell(resp *http.Response) error {
	m := Moment{}
	err := m.Positions.UnmarshalText([]byte(resp.Header.Get(headerAsOf)))
	if err == nil {
		err = m.From.UnmarshalText([]byte(resp.Header.Get(headerAsOfFrom)))
	}
	if err == nil {
		m.Time, err = time.Parse(time.RFC3339Nano, resp.Header.Get(headerAsOfTime))
	}
	if err != nil {
		// Whoever asked for the past must not take the present for it.
		return errors.Join(fmt.Errorf("the answer does not say which moment it is of: %w", err), resp.Body.Close())
	}
	if c.past.Moment != nil {
		c.past.Moment(m)
	}
	return nil
}

func rewind(body io.Reader) error {
	if s, ok := body.(io.Seeker); ok {
		_, err := s.Seek(0, io.SeekStart)
		return err
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
