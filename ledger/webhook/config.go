package webhook

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/projections"
)

// The limits (L11).
const (
	// MaxReceivers bounds the URLs of a node: each is a consumer on the stream,
	// which has 1000 at most.
	MaxReceivers = 100
	// MaxURL is in bytes.
	MaxURL = 1024
	// MinSecret and MaxSecret bound a secret as it is written, MinKey and MaxKey
	// one with the prefix whsec_, decoded; all in bytes. The key's are those of
	// Standard Webhooks.
	MinSecret = 24
	MaxSecret = 128
	MinKey    = 24
	MaxKey    = 64
	// Calls is how many calls of a receiver are under way at once.
	Calls = 8
	// Timeout bounds one call. Standard Webhooks advises 15 to 30 seconds.
	Timeout = 15 * time.Second
	// MaxAnswer bounds what is read of an answer, in bytes.
	MaxAnswer = 4 << 10
	// Patience is how long an event is tried.
	Patience = 24 * time.Hour
	// BackoffMin and BackoffMax bound the wait before an event is tried again. It
	// doubles each time. A receiver's Retry-After may ask for more, up to BackoffMax.
	BackoffMin = time.Second
	BackoffMax = time.Hour
	// Waiting is how many recalls are waited for until they settle, for one
	// receiver. It keeps them from filling the consumer, which holds 10,000
	// messages. Of a recall beyond it recall.settled is dropped and counted.
	Waiting = 5000

	keyPrefix = "whsec_"
)

// Receiver is a URL that is told of an app's recalls.
type Receiver struct {
	App string
	URL string
	// Secret signs the calls.
	Secret string
	// Events are the types it wants; none means all.
	Events []string
}

// key returns what signs.
func (r Receiver) key() []byte {
	if text, ok := strings.CutPrefix(r.Secret, keyPrefix); ok {
		if key, err := base64.StdEncoding.DecodeString(text); err == nil {
			return key
		}
	}
	return []byte(r.Secret)
}

// Config configures a Caller.
type Config struct {
	Partition  int
	Queue      events.Queue
	Projection *projections.Projection
	Receivers  []Receiver
	// Client makes the calls; its redirects, cookies and time-out are not used.
	Client   *http.Client
	Clock    func() time.Time
	Logger   *slog.Logger
	Observer Observer
	// Tracer begins a span for each call; nil makes none.
	Tracer trace.Tracer
}

// What became of an event, for Observer.
const (
	Delivered = "delivered"
	Dropped   = "dropped"
	// Old is what was passed over, because it was older than Patience when its
	// message was first read.
	Old = "old"
)

// Observer is told what happens, for metrics. Nil functions are not called.
type Observer struct {
	// Ended is told of an event that was delivered, dropped or passed over.
	Ended func(kind, result string)
	// Failed is told of calls that failed, also those that are tried again.
	Failed func(app string)
}

// Check reports everything that is wrong with the receivers, by their place in
// the configuration's list of webhooks. It tells neither URLs nor secrets.
func Check(list []Receiver) error {
	var errs []error
	wrong := func(field, format string, args ...any) {
		errs = append(errs, &events.FieldError{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	if len(list) > MaxReceivers {
		wrong("webhooks", "has %d entries, the limit is %d", len(list), MaxReceivers)
	}
	first := map[[2]string]int{}
	for i, r := range list {
		place := fmt.Sprintf("webhooks[%d]", i)
		if err := events.CheckApp(place+".app", r.App); err != nil {
			errs = append(errs, err)
		}
		if why := wrongURL(r.URL); why != "" {
			wrong(place+".url", "%s", why)
		} else if j, ok := first[[2]string{r.App, r.URL}]; ok {
			wrong(place+".url", "is that of webhooks[%d] already; name all events in one entry", j)
		} else {
			first[[2]string{r.App, r.URL}] = i
		}
		if why := r.wrongSecret(); why != "" {
			wrong(place+".secret", "%s", why)
		}
		for j, e := range r.Events {
			switch field := fmt.Sprintf("%s.events[%d]", place, j); {
			case !slices.Contains(Types(), e):
				wrong(field, "%.40q is none of %s", e, strings.Join(Types(), ", "))
			case slices.Contains(r.Events[:j], e):
				wrong(field, "%s is there twice", e)
			}
		}
	}
	return errors.Join(errs...)
}

// wrongURL says what is wrong with a URL, without repeating it: it may hold a
// secret.
func wrongURL(s string) string {
	if len(s) > MaxURL {
		return fmt.Sprintf("is %d bytes long, the limit is %d", len(s), MaxURL)
	}
	u, err := url.Parse(s)
	switch {
	case s == "":
		return "is missing"
	case err != nil:
		return "is not a URL"
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return "is not a URL that begins with http:// or https:// and a host"
	case u.User != nil:
		return "holds a user; calls are signed by the secret"
	case u.Fragment != "":
		return "has a part after #, which no server sees"
	}
	return ""
}

func (r Receiver) wrongSecret() string {
	text, isKey := strings.CutPrefix(r.Secret, keyPrefix)
	key, err := base64.StdEncoding.DecodeString(text)
	switch {
	case r.Secret == "":
		return "is missing"
	case isKey && (err != nil || len(key) < MinKey || len(key) > MaxKey):
		return fmt.Sprintf("begins with %s and is not base64 of %d to %d bytes", keyPrefix, MinKey, MaxKey)
	case !isKey && (len(r.Secret) < MinSecret || len(r.Secret) > MaxSecret):
		return fmt.Sprintf("is %d bytes long, %d to %d are needed", len(r.Secret), MinSecret, MaxSecret)
	}
	return ""
}
