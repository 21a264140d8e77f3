package callback

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/projections"
)

// What the vendor does, by docs.jiguang.cn/jums/advanced/callback, checked
// 2026-11-20. Two things are done otherwise: URLs may name a port, and a URL
// belongs to the node's configuration instead of a console.
const (
	// MaxURLs is how many URLs an app may register.
	MaxURLs = 5
	// MaxItems and Gather end a batch: so many items, or so long after its first.
	MaxItems = 100
	Gather   = 10 * time.Second
	// Pause comes before a batch, or the test of a URL, is tried again.
	Pause = 50 * time.Second
	// Retries is how often a batch is tried again before it is dropped.
	Retries = 3
)

// Limits of our own (L11).
const (
	// MaxURL is in bytes.
	MaxURL = 1024
	// MaxReceivers bounds the URLs of a node: each is a consumer on the stream,
	// which has 1000 at most, and reads its app's facts.
	MaxReceivers = 100
	// Held is how many messages of the log a receiver holds until their items
	// are gone. It must be more than MaxItems, or batches of single-device
	// messages would never fill. It bounds the memory of a dead receiver: a
	// message is at most events.MaxEventBytes, and usually below 50 KB.
	Held = 128
	// Calls is how many batches are on their way to one receiver at once.
	Calls = 4
	// Timeout bounds one call of a receiver. The vendor names none.
	Timeout = 10 * time.Second
	// MaxAnswer bounds what is read of an answer, in bytes.
	MaxAnswer = 4 << 10
)

// Account is a credential with its receivers.
type Account struct {
	Key facade.Credential
	// URLs are the receivers; the first is the default.
	URLs []string
}

// Config configures a Caller.
type Config struct {
	Partition  int
	Queue      events.Queue
	Projection *projections.Projection
	Accounts   []Account
	// Client makes the calls; its redirects, cookies and time-out are not used.
	Client *http.Client
	// After tells when a time is over, as time.After does.
	After func(time.Duration) <-chan time.Time
	// Random returns a random number, for the test of a URL.
	Random   func() uint32
	Logger   *slog.Logger
	Observer Observer
}

// Observer is told what happens, for metrics. Nil functions are not called.
type Observer struct {
	// Ended is told of items that were delivered or dropped.
	Ended func(app string, delivered bool, items int)
	// Failed is told of calls that failed, also those that are tried again.
	Failed func(app string)
}

// Check reports everything that is wrong with the receivers of the accounts,
// which stand in the order of the configuration's list of facades.
func Check(list []Account) error {
	var errs []error
	total := 0
	apps := map[string]int{}
	for i, a := range list {
		if len(a.URLs) == 0 {
			continue
		}
		field := fmt.Sprintf("facades[%d].callbacks", i)
		if a.Key.Facade != facade.UMS {
			errs = append(errs, &events.FieldError{Field: field, Reason: "belong to " + facade.UMS + ", not to " + a.Key.Facade})
			continue
		}
		if apps[a.Key.App] += len(a.URLs); apps[a.Key.App] > MaxURLs {
			errs = append(errs, &events.FieldError{Field: field, Reason: fmt.Sprintf("make %d URLs of app %s, the limit is %d", apps[a.Key.App], a.Key.App, MaxURLs)})
		}
		total += len(a.URLs)
		for j, u := range a.URLs {
			field := fmt.Sprintf("%s[%d]", field, j)
			if why := wrong(u); why != "" {
				errs = append(errs, &events.FieldError{Field: field, Reason: why})
			} else if slices.Contains(a.URLs[:j], u) {
				errs = append(errs, &events.FieldError{Field: field, Reason: "is there twice"})
			}
		}
	}
	if total > MaxReceivers {
		errs = append(errs, &events.FieldError{Field: "facades", Reason: fmt.Sprintf("register %d callback URLs, the limit is %d", total, MaxReceivers)})
	}
	return errors.Join(errs...)
}

// wrong says what is wrong with a URL, without repeating it: it may hold a secret.
func wrong(s string) string {
	if len(s) > MaxURL {
		return fmt.Sprintf("is %d bytes long, the limit is %d", len(s), MaxURL)
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "is not a URL"
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return "is not a URL that begins with http:// or https:// and a host"
	case u.User != nil:
		return "holds a user; receivers are given the credential's own"
	case u.Fragment != "":
		return "has a part after #, which no server sees"
	}
	return ""
}
