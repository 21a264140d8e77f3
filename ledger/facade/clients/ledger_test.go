package clients

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// publish records events by the native API.
func publish(t *testing.T, owner, lines string) {
	t.Helper()
	var a struct{ Accepted int }
	status, err := call(owner, http.MethodPost, "/v1/events", "application/x-ndjson", lines, &a)
	if err != nil || status != http.StatusOK || a.Accepted == 0 {
		t.Fatalf("publish: %d %+v %v", status, a, err)
	}
}

// native asks for a recall by the native API. It returns its id, or the problem.
func native(owner, push string) (string, problem, error) {
	body, err := json.Marshal(map[string]string{"push": push, "action": "recall"})
	if err != nil {
		return "", problem{}, err
	}
	var a struct {
		problem
		Recall string
	}
	status, err := call(owner, http.MethodPost, "/v1/recalls", "application/json", string(body), &a)
	if err == nil && (status == http.StatusAccepted) != (a.Recall != "") {
		a.Code = http.StatusText(status)
	}
	return a.Recall, a.problem, err
}

// revoker is a client of a vendor.
type revoker interface {
	revoke(message, target string) (outcome, error)
}

// TestOneLedger takes each push back through one door and tries another: the
// second caller is refused whichever it uses, and told of the first (L5).
func TestOneLedger(t *testing.T) {
	v1, form, query := newRPC(t, keyID, secret), newACS3(t, keyID, secret, false), newACS3(t, keyID, secret, true)
	const target = "device-1"

	t.Run("vendor then native", func(t *testing.T) {
		push := unique("one")
		v1.push(t, simple(push, target))
		o, err := v1.revoke(push, target)
		want(t, "revoke", o, err, ok, "")
		id, p, err := native(app, push)
		if err != nil || id != "" || p.Code != "already-recalled" || p.First.Action != "recall" {
			t.Fatalf("native recall = %q, %+v, %v, want already-recalled", id, p, err)
		}
		var first struct{ Push, By string }
		status, err := call(app, http.MethodGet, "/v1/recalls/"+p.First.Recall, "application/json", "", &first)
		if err != nil || status != http.StatusOK || first.Push != push || first.By != "mpaas/"+keyID {
			t.Errorf("the first recall = %d %+v, %v, want one of one-1 by the vendor's key", status, first, err)
		}
	})
	t.Run("native then vendor", func(t *testing.T) {
		push := unique("one")
		v1.push(t, simple(push, target))
		id, p, err := native(app, push)
		if err != nil || id == "" {
			t.Fatalf("native recall = %q, %+v, %v", id, p, err)
		}
		for name, c := range map[string]revoker{"v1": v1, "form": form, "query": query} {
			o, err := c.revoke(push, target)
			want(t, name, o, err, invalid, id)
		}
	})
	t.Run("all at once", func(t *testing.T) {
		push := unique("one")
		v1.push(t, simple(push, target))
		type door func() (done bool, reason string, err error)
		through := func(c revoker) door {
			return func() (bool, string, error) {
				o, err := c.revoke(push, target)
				return o.code == ok, o.reason, err
			}
		}
		// The clients of ACS3 share what must not be used at once; those of
		// signature v1 share nothing as long as each caller has its own.
		doors := []door{through(form)}
		for range 4 {
			doors = append(doors, through(newRPC(t, keyID, secret)), func() (bool, string, error) {
				id, p, err := native(app, push)
				return id != "", p.Detail, err
			})
		}
		var mu sync.Mutex
		var all sync.WaitGroup
		accepted := 0
		for _, door := range doors {
			all.Go(func() {
				done, reason, err := door()
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err != nil:
					t.Error(err)
				case done:
					accepted++
				case !strings.Contains(reason, "already taken back"):
					t.Errorf("refused with %q, want already taken back", reason)
				}
			})
		}
		all.Wait()
		if accepted != 1 {
			t.Errorf("%d of %d recalls were accepted, want one", accepted, len(doors))
		}
	})
}
