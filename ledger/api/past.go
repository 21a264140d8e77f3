package api

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/ledger/replay"
)

// asOf returns the moment a request asks for, and whether it asks for one. An
// empty one is one that cannot be read, never the present (L9).
func asOf(q *request) (text string, given bool) {
	if !q.route.past {
		return "", false
	}
	values := q.r.URL.Query()
	return values.Get(replay.Field), values.Has(replay.Field)
}

// goBack makes the request one to the ledger as it was, and tells which moment
// that is, also where the answer has to wait.
func (s *Server) goBack(ctx context.Context, q *request, text string) *Problem {
	if s.c.Past == nil {
		return fieldProblem(replay.Field, "this node answers for the present only")
	}
	m, err := s.c.Past.Resolve(ctx, text)
	if err != nil {
		return s.problem(ctx, err)
	}
	h := q.w.Header()
	h.Set(headerPosition, s.c.Ledger.Applied().String())
	h.Set(headerAsOf, m.Positions.String())
	h.Set(headerAsOfTime, m.At.Format(time.RFC3339Nano))
	if len(m.First) > 0 {
		h.Set(headerAsOfFrom, m.First.String())
	}
	about := replay.About{App: q.caller.app, Push: q.r.PathValue("push"), Recall: q.r.PathValue("recall")}
	if q.past, err = s.c.Past.Open(ctx, m, about); err != nil {
		return s.problem(ctx, err)
	}
	return nil
}

// ledger is the ledger a request asks: the present one, or one of the past.
func (s *Server) ledger(ctx context.Context) *partition.Set {
	if p := from(ctx).past; p != nil {
		return p.Ledger
	}
	return s.c.Ledger
}

// now is the time a request asks for.
func (s *Server) now(ctx context.Context) time.Time {
	if p := from(ctx).past; p != nil {
		return p.At
	}
	return s.c.Clock()
}

// pastProblem maps the errors of package replay; nil when it is none of them.
func pastProblem(err error) *Problem {
	var folding *replay.FoldingError
	var limit *replay.LimitError
	switch {
	case errors.Is(err, replay.ErrBusy):
		return problem(codeTooManyPasts, "%s", replay.ErrBusy)
	case errors.As(err, &folding):
		p := problem(codeFolding, "%s", folding)
		p.Progress = &Progress{Done: folding.Done, Total: folding.Total}
		return p
	case errors.As(err, &limit) && limit.Timeout > 0:
		return problem(codePastTooLong, "%s; ask for an earlier moment or one push, or read the range with recall events or recall export", limit)
	case errors.As(err, &limit):
		p := problem(codePastTooLarge, "%s; ask for an earlier moment, or read the range with recall events or recall export", limit)
		p.Limit = limit.Bytes
		return p
	case errors.Is(err, replay.ErrClosed):
		return problem(codeStopping, "the node is stopping")
	}
	return nil
}

// pastMetrics are the figures of folding the past; none where there is none.
func pastMetrics(c *Config) []prometheus.Collector {
	if c.Past == nil {
		return nil
	}
	counter := func(name, help string, of func(replay.Stats) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "recall_ledger_past_" + name, Help: help},
			func() float64 { return float64(of(c.Past.Stats())) })
	}
	gauge := func(name, help string, of func(replay.Stats) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "recall_ledger_past_" + name, Help: help},
			func() float64 { return of(c.Past.Stats()) })
	}
	return []prometheus.Collector{
		counter("folds_total", "Partitions folded, or begun to be, for questions about the past.", func(s replay.Stats) uint64 { return s.Folds }),
		counter("hits_total", "Partitions that were there from a question before.", func(s replay.Stats) uint64 { return s.Hits }),
		counter("busy_total", "Questions about the past refused for want of a slot.", func(s replay.Stats) uint64 { return s.Busy }),
		counter("failed_total", "Folds for questions about the past that failed or were given up.", func(s replay.Stats) uint64 { return s.Failed }),
		gauge("running", "Questions about the past that are being folded.", func(s replay.Stats) float64 { return float64(s.Running) }),
		gauge("kept", "Partitions kept folded up to a past moment.", func(s replay.Stats) float64 { return float64(s.Kept) }),
		gauge("bytes", "What folds up to past moments take on disk.", func(s replay.Stats) float64 { return float64(s.Bytes) }),
	}
}
