package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/recall-ledger/recall-ledger/projections"
)

// Projections is what operators do with the projections of a node.
type Projections interface {
	Generations() ([]ProjectionGenerations, error)
	// Rebuild begins a rebuild, which goes on without the caller.
	Rebuild(ctx context.Context, partition int, force bool) (RebuildStatus, error)
	DropOld(partition int) (bool, error)
}

// ProjectionList lists the projections of the node.
type ProjectionList struct {
	Projections []ProjectionGenerations `json:"projections"`
}

// ProjectionGenerations is the projection of one partition.
type ProjectionGenerations struct {
	Partition   int                      `json:"partition"`
	Generations []projections.Generation `json:"generations"`
	// Rebuild is the newest one since the node started; absent when there was none.
	Rebuild *RebuildStatus `json:"rebuild,omitempty"`
}

// RebuildStatus says how far a rebuild is, and what came of it.
type RebuildStatus struct {
	Running  bool                        `json:"running"`
	Begun    time.Time                   `json:"begun"`
	Seconds  float64                     `json:"seconds"`
	Progress projections.RebuildProgress `json:"progress"`
	Result   *projections.Rebuilt        `json:"result,omitempty"`
	// Failed says why there is no result.
	Failed string `json:"failed,omitempty"`
}

// RebuildRequest is how a rebuild is asked for.
type RebuildRequest struct {
	Force bool `json:"force,omitempty" doc:"Take the new generation even if it differs, or if the log has aged"`
}

// OldDropped says whether there was a generation to drop.
type OldDropped struct {
	Dropped bool `json:"dropped"`
}

// projectionRoutes are the rows of the table of routes for projections.
func projectionRoutes() []route {
	return []route{
		{id: "list-projections", method: http.MethodGet, path: "/v1/projections", roles: admins, class: classOrdinary,
			summary: "List the generations of the node's projections, and how far rebuilds are", add: with((*Server).projections)},
		{id: "rebuild-projection", method: http.MethodPost, path: "/v1/projections/{partition}/rebuild", roles: admins, class: classOrdinary,
			summary: "Build a projection anew from the log beside the live one, and swap them", add: with((*Server).rebuildProjection),
			body: RebuildRequest{}, types: []string{TypeJSON}, status: http.StatusAccepted},
		{id: "drop-old-projection", method: http.MethodPost, path: "/v1/projections/{partition}/drop-old", roles: admins, class: classOrdinary,
			summary: "Delete the generation that a rebuild left beside the live one", add: with((*Server).dropOld)},
	}
}

type projectionPath struct {
	Partition string `path:"partition" maxLength:"9" doc:"The partition's number"`
}

func (in *projectionPath) number() (int, error) {
	n, err := strconv.ParseUint(in.Partition, 10, 31)
	if err != nil {
		return 0, fieldProblem("partition", "is %.20q, expected a number from 0 on", in.Partition)
	}
	return int(n), nil
}

// operated returns the projections, which a server may run without.
func (s *Server) operated() (Projections, error) {
	if s.c.Projections == nil {
		return nil, problem(codeNotFound, "this node has no projections to operate")
	}
	return s.c.Projections, nil
}

func (s *Server) projections(context.Context, *struct{}) (*output[ProjectionList], error) {
	o, err := s.operated()
	if err != nil {
		return nil, err
	}
	list, err := o.Generations()
	return answer(ProjectionList{list}, err)
}

func (s *Server) rebuildProjection(ctx context.Context, in *projectionPath) (*output[RebuildStatus], error) {
	o, err := s.operated()
	if err != nil {
		return nil, err
	}
	n, err := in.number()
	if err != nil {
		return nil, err
	}
	var b RebuildRequest
	if err := readBody(ctx, &b); err != nil {
		return nil, err
	}
	status, err := o.Rebuild(ctx, n, b.Force)
	return answer(status, rebuildProblem(err))
}

func (s *Server) dropOld(ctx context.Context, in *projectionPath) (*output[OldDropped], error) {
	o, err := s.operated()
	if err == nil {
		err = noBody(ctx)
	}
	if err != nil {
		return nil, err
	}
	n, err := in.number()
	if err != nil {
		return nil, err
	}
	dropped, err := o.DropOld(n)
	return answer(OldDropped{dropped}, rebuildProblem(err))
}

// rebuildProblem is the problem of a rebuild that stands against what is.
func rebuildProblem(err error) error {
	for _, known := range []error{projections.ErrRebuilding, projections.ErrKept, projections.ErrAged} {
		if errors.Is(err, known) {
			return problem(codeNotNow, "%s", err)
		}
	}
	return err
}

// Projections lists the generations of the node's projections, and how far
// rebuilds are. It needs role admin.
func (c *Client) Projections(ctx context.Context) ([]ProjectionGenerations, error) {
	var a ProjectionList
	err := c.get(ctx, &a, query{}, "projections")
	return a.Projections, err
}

// RebuildProjection begins to build the projection of a partition anew. It needs
// role admin.
func (c *Client) RebuildProjection(ctx context.Context, partition int, force bool) (RebuildStatus, error) {
	var a RebuildStatus
	_, err := c.write(ctx, http.MethodPost, &a, RebuildRequest{Force: force}, "", "projections", strconv.Itoa(partition), "rebuild")
	return a, err
}

// DropOldProjection deletes the generation that is kept beside the live one and
// reports whether there was one. It needs role admin.
func (c *Client) DropOldProjection(ctx context.Context, partition int) (bool, error) {
	var a OldDropped
	_, err := c.write(ctx, http.MethodPost, &a, nil, "", "projections", strconv.Itoa(partition), "drop-old")
	return a.Dropped, err
}
