package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
)

// TestBrokenOff checks that a list which fails on its way is an error to the
// client, and never a shorter list (L12).
func TestBrokenOff(t *testing.T) {
	n := start(t, options{})
	for _, after := range []int{0, 1, 499, 500, 5000} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := context.WithValue(r.Context(), requestKey{}, &request{w: w, r: r, id: "this-request"})
			n.server.stream(ctx, TypeNDJSON, func(out *stream) error {
				for i := range after {
					out.buf = appendHolder(out.buf, "fcm", fmt.Sprint("d", i), "certain", "c")
					if err := out.line(); err != nil {
						return err
					}
				}
				return errors.New("the disk is gone")
			}).Body(nil)
		}))
		c := facadetest.Must(NewClient(ClientConfig{URL: srv.URL}))(t)
		seen := 0
		err := c.Holders(t.Context(), "p", HoldersOptions{}, func(Holder) error { seen++; return nil })
		var p *Problem
		switch {
		case err == nil:
			t.Errorf("broken off after %d, %d were seen without an error", after, seen)
		case after < flushLines && (!errors.As(err, &p) || p.Code != codeInternal || seen > 0):
			t.Errorf("broken off after %d: %v", after, err)
		}
		srv.Close()
	}
}

// TestLines checks that the lines written by hand are the JSON of their types.
func TestLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		h := Holder{Channel: text.Draw(t, "channel"), Device: text.Draw(t, "device"), Certainty: "certain", Cursor: "0.zz"}
		var gotHolder Holder
		if err := json.Unmarshal(appendHolder(nil, h.Channel, h.Device, h.Certainty, h.Cursor), &gotHolder); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(h, gotHolder); diff != "" {
			t.Fatal(diff)
		}
		d := RecallDevice{
			Channel: h.Channel, Device: h.Device, Facts: rapid.SliceOf(text).Draw(t, "facts"), Late: rapid.Bool().Draw(t, "late"),
			Commanded: rapid.Bool().Draw(t, "commanded"), Outcome: "pending", Cursor: "1.0",
		}
		var gotDevice RecallDevice
		if err := json.Unmarshal(appendRecallDevice(nil, &d), &gotDevice); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, gotDevice); diff != "" {
			t.Fatal(diff)
		}
	})
}
