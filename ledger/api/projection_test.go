package api

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/recall-ledger/recall-ledger/projections"
)

// TestRebuildProblem: what stands against a rebuild is a conflict that says what;
// anything else is not the caller's to know.
func TestRebuildProblem(t *testing.T) {
	for _, known := range []error{projections.ErrAged, projections.ErrKept, projections.ErrRebuilding} {
		err := fmt.Errorf("partition 3: %w", known)
		p, ok := errors.AsType[*Problem](rebuildProblem(err))
		if !ok || p.Status != http.StatusConflict || p.Detail != err.Error() {
			t.Errorf("%v: %+v", known, p)
		}
	}
	if err := rebuildProblem(projections.ErrStore); err != projections.ErrStore { //nolint:errorlint // it must be the same
		t.Errorf("another error becomes %v", err)
	}
	if err := rebuildProblem(nil); err != nil {
		t.Errorf("no error becomes %v", err)
	}
}

// A server that runs without projections to operate says so.
func TestNoProjections(t *testing.T) {
	n := start(t, options{})
	for path, method := range map[string]string{"": "GET", "/0/rebuild": "POST", "/0/drop-old": "POST"} {
		if a := n.do(method, "/v1/projections"+path, ""); a.Status != 404 {
			t.Errorf("%s: %d %s, want 404", path, a.Status, a.Body)
		}
	}
}
