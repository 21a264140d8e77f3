package callback

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// gather makes batches of items until ctx ends. It begins no batch before the
// last one was taken, which is what holds the queue back.
func (r *receiver) gather(ctx context.Context) {
	var batch []entry
	var over <-chan time.Time
	for {
		select {
		case e := <-r.in:
			if batch = append(batch, e); len(batch) == 1 {
				over = r.c.After(Gather)
			}
			if len(batch) < MaxItems {
				continue
			}
		case <-over:
		case <-ctx.Done():
			settle(batch, false)
			return
		}
		select {
		case r.full <- batch:
			batch, over = nil, nil
		case <-ctx.Done():
			settle(batch, false)
			return
		}
	}
}

func settle(batch []entry, done bool) {
	for _, e := range batch {
		e.from.end(done)
	}
}

// send sends batches until ctx ends.
func (r *receiver) send(ctx context.Context) {
	for {
		select {
		case batch := <-r.full:
			settle(batch, r.deliver(ctx, batch))
		case <-ctx.Done():
			return
		}
	}
}

// deliver sends a batch until the receiver has it or it is dropped; false means
// that ctx ended first.
func (r *receiver) deliver(ctx context.Context, batch []entry) bool {
	items := make([]item, 0, len(batch))
	for _, e := range batch {
		items = append(items, e.item)
	}
	body, err := json.Marshal(items)
	if err != nil { // texts, numbers and JSON that was checked
		panic(err)
	}
	for try := 0; ; try++ {
		// A call that has begun is finished: its answer says whether the items
		// must come again.
		err := r.call(context.WithoutCancel(ctx), http.MethodPost, r.url, body, nil)
		if err == nil {
			r.ended(true, len(batch))
			return true
		}
		if r.c.Observer.Failed != nil {
			r.c.Observer.Failed(r.key.App)
		}
		if try == Retries {
			r.log.WarnContext(ctx, "status items dropped", slog.Int("items", len(batch)), slog.Any("pushes", pushes(items)), slog.String("error", err.Error()))
			r.ended(false, len(batch))
			return true
		}
		r.log.InfoContext(ctx, "a receiver refused status items", slog.Int("items", len(batch)), slog.Int("try", try+1), slog.String("error", err.Error()))
		select {
		case <-r.c.After(Pause):
		case <-ctx.Done():
			return false
		}
	}
}

func (r *receiver) ended(delivered bool, items int) {
	if r.c.Observer.Ended != nil {
		r.c.Observer.Ended(r.key.App, delivered, items)
	}
}

// pushes returns the ids of the pushes that items are about, at most one for each.
func pushes(items []item) []string {
	ids := make([]string, 0, len(items))
	for _, i := range items {
		ids = append(ids, i.MsgID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// prove tests the URL until it passes; false means that ctx ended first.
func (r *receiver) prove(ctx context.Context) bool {
	said := ""
	for {
		err := r.probe(ctx)
		if err == nil {
			r.log.InfoContext(ctx, "a callback URL passed its test")
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if r.c.Observer.Failed != nil {
			r.c.Observer.Failed(r.key.App)
		}
		if err.Error() != said {
			said = err.Error()
			r.log.WarnContext(ctx, "a callback URL failed its test; its statuses wait on the log until it passes", slog.String("error", said))
		}
		select {
		case <-r.c.After(Pause):
		case <-ctx.Done():
			return false
		}
	}
}

// probe asks the receiver for a random text back.
func (r *receiver) probe(ctx context.Context) error {
	u, err := url.Parse(r.url)
	if err != nil { // Check parsed it
		panic(err)
	}
	echo := fmt.Sprintf("%08x%08x%08x%08x", r.c.Random(), r.c.Random(), r.c.Random(), r.c.Random())
	q := u.Query()
	q.Set("echostr", echo)
	u.RawQuery = q.Encode()
	return r.call(ctx, http.MethodGet, u.String(), nil, func(answer []byte) error {
		if string(answer) != echo {
			return fmt.Errorf("the answer of %d bytes is not the echostr", len(answer))
		}
		return nil
	})
}

// call makes one call; only HTTP 200 is success. Its error holds neither the URL
// nor anything of the answer.
func (r *receiver) call(ctx context.Context, method, to string, body []byte, check func(answer []byte) error) error {
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return errors.New("the request could not be made")
	}
	req.SetBasicAuth(r.key.ID, r.key.Secret)
	if body != nil {
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	resp, err := r.c.Client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // without the URL
		}
		return fmt.Errorf("no answer: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer is HTTP %d", resp.StatusCode)
	}
	if check == nil {
		// Reading what is left lets the connection serve again; a failure changes
		// nothing, for the status has decided.
		_, _ = io.CopyN(io.Discard, resp.Body, MaxAnswer)
		return nil
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer))
	if err != nil {
		return errors.New("the answer broke off")
	}
	return check(answer)
}
