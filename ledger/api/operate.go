package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/projections"
)

func (s *Server) positions(ctx context.Context, _ *struct{}) (*output[PositionsAnswer], error) {
	past := from(ctx).past != nil
	limit := s.c.LogLimit
	if past {
		limit = 0
	}
	var disk *Disk
	if s.c.Disk != nil && !past {
		d, err := s.c.Disk()
		if err != nil {
			return nil, err
		}
		disk = &d
	}
	var a PositionsAnswer
	for _, p := range s.ledger(ctx).Parts() {
		// First what is known, so that the log never seems to end before it.
		stats, err := p.Views.Stats()
		if err != nil {
			return nil, err
		}
		info, err := p.Log.Info(ctx)
		if err != nil {
			return nil, err
		}
		if past {
			stats.DiskBytes = 0 // that of the folder it was folded in
		}
		n := p.Number()
		end := events.Position{Partition: n, Seq: info.Last}
		a.Partitions = append(a.Partitions, PartitionPosition{
			LogLimit: limit, Disk: disk, Partition: n, Applied: stats.Applied, End: end, Lag: lag(stats.Applied, end), AppliedTime: stats.AppliedTime,
			First: events.Position{Partition: n, Seq: info.First}, LogBytes: info.Bytes, Created: info.Created, Stats: stats,
		})
	}
	return answer(a, nil)
}

// filterRounds bounds how many pages are read for one page of a filtered list
// (L11); what is missing comes with the next page.
const filterRounds = 200

// filtered gathers a page of the entries that pass a filter.
func filtered[T any](page projections.Page, read func(projections.Page) ([]T, string, error), want func(*T) bool) ([]T, string, error) {
	list := []T{}
	limit := page.Limit
	for range filterRounds {
		// No more is read than fits, so that the cursor never stands beyond an
		// entry that was not answered.
		page.Limit = limit - len(list)
		part, next, err := read(page)
		if err != nil {
			return nil, "", err
		}
		for i := range part {
			if want(&part[i]) {
				list = append(list, part[i])
			}
		}
		page.Cursor = next
		if next == "" || len(list) == limit {
			break
		}
	}
	return list, page.Cursor, nil
}

// quarantine lists the caller's own: the subject says whose an event is, since
// its body could not be trusted (L10).
func (s *Server) quarantine(ctx context.Context, in *listInput) (*output[QuarantineList], error) {
	page, err := pageOf(in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	app := from(ctx).caller.app
	var a QuarantineList
	a.Quarantined, a.Next, err = filtered(page, func(g projections.Page) ([]projections.Quarantined, string, error) {
		list, next, total, err := s.ledger(ctx).Quarantined(g)
		a.Total = total
		return list, next, err
	}, func(q *projections.Quarantined) bool { return subjectApp(q.Subject) == app })
	return answer(a, err)
}

// subjectApp returns the app a subject belongs to.
func subjectApp(subject string) string {
	if tokens := strings.SplitN(subject, ".", 5); len(tokens) > 3 {
		return tokens[3]
	}
	return ""
}

func (s *Server) deadLetters(ctx context.Context, in *listInput) (*output[RecallList], error) {
	page, err := pageOf(in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	var a RecallList
	a.Recalls, a.Next, err = filtered(page, func(g projections.Page) ([]projections.Recall, string, error) {
		return s.ledger(ctx).Recalls(from(ctx).caller.app, g)
	}, func(r *projections.Recall) bool { return r.Total.Refused > 0 })
	return answer(a, err)
}

func (s *Server) listChannels(ctx context.Context, _ *struct{}) (*output[ChannelList], error) {
	a := ChannelList{Channels: channels.Rows()}
	if s.c.Held != nil {
		a.Held = s.c.Held(from(ctx).caller.app)
	}
	return answer(a, nil)
}

type credentialInput struct {
	Device string `path:"device" maxLength:"512" doc:"The device's id, percent-encoded"`
}

func (s *Server) deviceCredential(ctx context.Context, in *credentialInput) (*output[DeviceCredential], error) {
	err := noBody(ctx)
	if err == nil {
		err = events.CheckID("device", in.Device, events.MaxDevice)
	}
	if err == nil && s.c.DevicePassword == nil {
		err = problem(codeNoDeviceChannel, "this node runs without a listener for devices")
	}
	if err != nil {
		return nil, err
	}
	app := from(ctx).caller.app
	return answer(DeviceCredential{
		URL: s.c.DeviceURL, User: selfbuilt.User(app, in.Device), Password: s.c.DevicePassword(app, in.Device),
	}, nil)
}

func (s *Server) live(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, Status{Status: "live", Version: s.c.Version})
}

// readyTimeout bounds how long a node may take to say whether it is ready.
const readyTimeout = 5 * time.Second

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	check := s.c.Ready
	if check == nil {
		check = func(ctx context.Context) error {
			_, err := s.c.Ledger.End(ctx)
			return err
		}
	}
	if err := check(ctx); err != nil {
		s.writeProblem(w, problem(codeNotReady, "%.300s", err))
		return
	}
	writeJSON(w, http.StatusOK, Status{Status: "ready", Version: s.c.Version})
}

// explain tells people what a problem code means.
func (s *Server) explain(w http.ResponseWriter, r *http.Request) {
	for _, k := range problemKinds() {
		if k.code != r.PathValue("code") {
			continue
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		// A failed write is a client that has gone.
		_, _ = fmt.Fprintf(w, "%s\n%s (HTTP status %d)\n\n%s\n", k.code, k.title, k.status, k.text)
		return
	}
	s.writeProblem(w, problem(codeNotFound, "there is no problem of this code"))
}
