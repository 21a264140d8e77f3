package api

import (
	"context"
	"testing"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/projections"
)

// operated answers what it is told to.
type operated struct {
	err    error
	forced []bool
}

func (o *operated) Generations() ([]ProjectionGenerations, error) {
	return []ProjectionGenerations{{Generations: []projections.Generation{{Generation: 1, State: projections.GenerationLive}}}}, o.err
}

func (o *operated) Rebuild(_ context.Context, partition int, force bool) (RebuildStatus, error) {
	o.forced = append(o.forced, force)
	if partition > 0 {
		return RebuildStatus{}, &events.FieldError{Field: "partition", Reason: "is not there"}
	}
	return RebuildStatus{Running: true}, o.err
}

func (o *operated) DropOld(int) (bool, error) { return true, o.err }

func TestProjections(t *testing.T) {
	o := &operated{}
	n := start(t, options{change: func(c *Config) { c.Projections = o }})
	c := n.client("shop", "")
	if list, err := c.Projections(t.Context()); err != nil || len(list) != 1 || list[0].Generations[0].Generation != 1 {
		t.Errorf("Projections = %+v, %v", list, err)
	}
	if s, err := c.RebuildProjection(t.Context(), 0, true); err != nil || !s.Running || len(o.forced) != 1 || !o.forced[0] {
		t.Errorf("RebuildProjection = %+v, %v, forced %v", s, err, o.forced)
	}
	if dropped, err := c.DropOldProjection(t.Context(), 0); err != nil || !dropped {
		t.Errorf("DropOldProjection = %v, %v", dropped, err)
	}
	for path, body := range map[string]string{"1": "{}", "-1": "{}", "x": "{}", "99999999999": "{}"} {
		if a := n.do("POST", "/v1/projections/"+path+"/rebuild", body); a.Status != 400 || a.problem(t).Field != "partition" {
			t.Errorf("partition %s: %d %s", path, a.Status, a.Body)
		}
	}
	if a := n.do("POST", "/v1/projections/0/rebuild", `{"froce":true}`); a.Status != 400 || a.problem(t).Field != "froce" {
		t.Errorf("an unknown field: %d %s", a.Status, a.Body)
	}
	for _, o.err = range []error{projections.ErrAged, projections.ErrKept, projections.ErrRebuilding} {
		for _, path := range []string{"rebuild", "drop-old"} {
			if a := n.do("POST", "/v1/projections/0/"+path, "{}"); a.Status != 409 || a.problem(t).Detail != o.err.Error() {
				t.Errorf("%s with %v: %d %s", path, o.err, a.Status, a.Body)
			}
		}
	}
}

// It is for administrators alone.
func TestProjectionsRole(t *testing.T) {
	key, token := NewKey("shop", []string{RoleRead, RoleRecall, RolePublish})
	n := start(t, options{keys: []Key{key}, change: func(c *Config) { c.Projections = &operated{} }})
	for path, method := range map[string]string{"": "GET", "/0/rebuild": "POST", "/0/drop-old": "POST"} {
		if a := n.do(method, "/v1/projections"+path, "", "Authorization", "Bearer "+token); a.Status != 403 {
			t.Errorf("%s: %d %s, want 403", path, a.Status, a.Body)
		}
	}
}
