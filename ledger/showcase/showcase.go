package showcase

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Config configures a showcase. Clock is required.
type Config struct {
	Clock func() time.Time
	// Logger is told what the node says. Optional.
	Logger  *slog.Logger
	Version string
}

// Report is what was asked for, and what came of it.
type Report struct {
	Rounds []Round `json:"rounds"`
	// Found is everything that is not as the matrix promises.
	Found []string `json:"found,omitempty"`
	// Exact is true when there is no such thing.
	Exact bool `json:"exact"`
}

// Round is one push, taken back.
type Round struct {
	Push   string `json:"push"`
	Slot   string `json:"slot"`
	Recall string `json:"recall"`
	Action string `json:"action"`
	// Replacement is the push that an override shows.
	Replacement string `json:"replacement,omitempty"`
	// TookMS is the time from the request to the last outcome, in milliseconds.
	TookMS   int64     `json:"took_ms"`
	Channels []Channel `json:"channels"`
}

// Channel is what came of a round on one channel.
type Channel struct {
	Channel string `json:"channel"`
	// Method is the one on the log; Forced says that a new notification was shown
	// beside the old one.
	Method string `json:"method"`
	Forced bool   `json:"forced,omitempty"`
	// Calls are the requests the vendor got, those that went wrong included.
	Calls int `json:"calls"`
	// Devices got the push; Holders of them had not clicked it.
	Devices int `json:"devices"`
	Holders int `json:"holders"`
	// Screens counts the holders by what their screens show now.
	Screens map[Screen]int `json:"screens"`
	// Outcomes counts the holders by outcome.
	Outcomes map[string]int `json:"outcomes"`
	// Untouched are devices that had clicked and were left alone. Accepted are
	// those that had read the message and lost it with the whole send, as
	// whole_sends accepts.
	Untouched int `json:"untouched"`
	Accepted  int `json:"accepted"`
}

// Screen is what a simulated screen shows of a push, in words.
type Screen string

// What screens show.
const (
	Nothing     Screen = "nothing"
	Old         Screen = "the old one"
	Revoked     Screen = "Message revoked"
	Replacement Screen = "replacement"
	Both        Screen = "old one and replacement"
	// Other is something that nobody sent; it is always a difference.
	Other Screen = "something else"
)

// ErrNotExact is a showcase in which something differs from what the matrix
// promises. The report says what.
var ErrNotExact = errors.New("the account is not exact")

// Run plays both rounds: a push that is recalled, and one that is overridden with
// force. The error is nil only when everything is as promised; with ErrNotExact
// the report is whole.
func Run(ctx context.Context, c Config) (r Report, err error) {
	s, err := open(ctx, c)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for _, p := range []plot{recalled(), overridden()} {
		round, found, err := s.play(ctx, p)
		if err != nil {
			return r, fmt.Errorf("%s: %w", p.push, err)
		}
		r.Rounds, r.Found = append(r.Rounds, round), append(r.Found, found...)
	}
	if r.Exact = len(r.Found) == 0; !r.Exact {
		return r, ErrNotExact
	}
	return r, nil
}
