package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// checker finds out what the API would refuse, as far as that can be told
// without a ledger: form, kinds and channels, but not what contradicts an
// earlier event.
type checker struct {
	door *events.Decoder
	// filled fills in an app, for events that leave it to the credential when
	// it is not known here.
	filled *events.Decoder
}

func newChecker(app string, now time.Time) *checker {
	c := &checker{door: events.NewDoorDecoder(app, now)}
	if app == "" {
		c.filled = events.NewDoorDecoder("app", now)
	}
	return c
}

func (c *checker) check(ctx context.Context, k *chunk) (sent, error) {
	var s sent
	for i, line := range k.lines {
		raw := k.event(i)
		if err := c.event(raw); err != nil {
			e := refusal{Line: line, Field: "event", Reason: err.Error(), Event: string(raw)}
			var f *events.FieldError
			if errors.As(err, &f) {
				e.Field, e.Reason = f.Field, f.Reason
			}
			s.refused = append(s.refused, e)
			continue
		}
		s.accepted++
	}
	return s, ctx.Err()
}

func (c *checker) event(raw []byte) error {
	e, err := c.door.Decode(raw)
	var f *events.FieldError
	if c.filled != nil && errors.As(err, &f) && f.Field == "app" {
		e, err = c.filled.Decode(raw)
	}
	if err != nil {
		return err
	}
	if !e.Kind.Public() {
		return &events.FieldError{Field: "kind", Reason: string(e.Kind) + " is written by the ledger only"}
	}
	if d, ok := e.Data.(*events.Fact); ok && !channels.Known(d.Channel) {
		return &events.FieldError{Field: "data.channel", Reason: fmt.Sprintf("%q is not a channel; see recall channels", d.Channel)}
	}
	return nil
}
