package node

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/projections"
)

const (
	// surveyEvery is how old the figures of recalls get. A survey lists the
	// recalls that run, as the planner does as often.
	surveyEvery = 30 * time.Second
	// surveyDetails bounds the recalls under way whose account and holders are
	// summed in one survey (L11).
	surveyDetails = 1000
)

// survey looks at the recalls that run, for metrics: what no counter of one push
// says and no scrape may search for.
type survey struct {
	n      *Node
	clear  prometheus.Histogram
	clicks *prometheus.CounterVec

	// looking is held by the survey under way.
	looking sync.Mutex
	// read are the last positions whose clicks were counted.
	read events.Positions
	// known are the running recalls as of the last survey, by app and id.
	known map[[2]string]standing

	mu     sync.Mutex
	result figures
}

// standing is where a running recall stood.
type standing struct {
	settled bool
	// counted is true once the time it took was noted, or was not to be.
	counted bool
	// refused is true of a recall with refused commands: dead letters.
	refused bool
	at      time.Time
}

// figures are what a survey found out.
type figures struct {
	at                 time.Time
	running, unsettled int
	// open counts the devices of unsettled recalls that have no outcome. done
	// counts those that have one, and all both, of at most surveyDetails recalls.
	open, done, all uint64
	oldest, window  time.Time
	letters         int
	letter          time.Time
	// holders are by channel and certainty.
	holders map[[2]string]uint64
}

func newSurvey(n *Node, r prometheus.Registerer) *survey {
	s := &survey{
		n: n, read: n.since,
		clear: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "recall_ledger_time_to_clear_seconds",
			Help:    "Time from the acceptance of a recall until 99 % of its devices on the slowest channel had their outcome, of recalls that settled.",
			Buckets: prometheus.ExponentialBuckets(0.25, 4, 10),
		}),
		clicks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "recall_ledger_clicks_after_recall_total", Help: "Clicks that happened after their push was recalled, while the recall ran.",
		}, []string{"channel"}),
	}
	for _, row := range channels.Rows() {
		s.clicks.WithLabelValues(row.Channel) // from the start, or the first would be no increase
	}
	r.MustRegister(s.clear, s.clicks)
	return s
}

// Run looks every surveyEvery until ctx ends (nil). A look that fails is made good
// by the next one.
func (s *survey) Run(ctx context.Context) error {
	t := time.NewTicker(surveyEvery)
	defer t.Stop()
	for {
		if err := s.look(ctx); err != nil && ctx.Err() == nil {
			s.n.c.Logger.WarnContext(ctx, "the recalls could not be surveyed", slog.String("error", err.Error()))
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// look makes one survey.
func (s *survey) look(ctx context.Context) error {
	s.looking.Lock()
	defer s.looking.Unlock()
	upTo := s.n.ledger.Applied()
	work, err := s.n.ledger.Open()
	if err != nil {
		return err
	}
	f := figures{at: s.n.c.Clock(), holders: map[[2]string]uint64{}}
	known, pushes := map[[2]string]standing{}, map[[2]string]bool{}
	for i := range work {
		w := &work[i]
		now, err := s.recall(&f, w, pushes)
		if err != nil {
			return err
		}
		known[[2]string{w.App, w.Recall}] = now
		pushes[[2]string{w.App, w.Push}] = true
	}
	for id, was := range s.known {
		if _, runs := known[id]; runs || was.counted {
			continue
		}
		// What was completed since had settled before.
		if v, err := s.n.ledger.Recall(id[0], id[1]); err != nil {
			return err
		} else if v != nil && v.State == ledger.Completed {
			s.cleared(v)
		}
	}
	s.known = known
	s.mu.Lock()
	s.result = f
	s.mu.Unlock()
	return s.countClicks(ctx, upTo, pushes)
}

// recall adds a recall that runs to the figures. pushes are those that were there
// before it.
func (s *survey) recall(f *figures, w *projections.Work, pushes map[[2]string]bool) (standing, error) {
	now := s.known[[2]string{w.App, w.Recall}]
	f.running++
	if w.Open > 0 {
		f.unsettled++
		f.open += uint64(w.Open)
		f.window = earliest(f.window, w.Deadline)
	}
	if w.Open > 0 && f.unsettled <= surveyDetails || w.Open == 0 && !now.settled {
		v, err := s.n.ledger.Recall(w.App, w.Recall)
		if err != nil || v == nil {
			return now, err
		}
		now.at, now.refused = v.At, v.Total.Refused > 0
		if w.Open > 0 {
			if err := s.underWay(f, v, pushes); err != nil {
				return now, err
			}
		} else if !now.counted {
			now.counted = true
			if s.known != nil { // of what settled before the node started it is not known when
				s.cleared(v)
			}
		}
	}
	now.settled = w.Open == 0
	if now.refused {
		f.letters++
		f.letter = earliest(f.letter, now.at)
	}
	return now, nil
}

// underWay adds the account of a recall and the holders of its push.
func (s *survey) underWay(f *figures, v *projections.Recall, pushes map[[2]string]bool) error {
	f.oldest = earliest(f.oldest, v.At)
	f.done += uint64(v.Total.Done())
	f.all += uint64(v.Total.Planned) + uint64(v.Total.Late)
	if pushes[[2]string{v.App, v.Push}] {
		return nil
	}
	p, err := s.n.ledger.Push(v.App, v.Push, f.at)
	if err != nil || p == nil {
		return err
	}
	for _, c := range p.Channels {
		channel := label(c.Channel)
		// The unreachable are among the certain and the possible, as everywhere.
		f.holders[[2]string{channel, "certain"}] += uint64(c.Certain)
		f.holders[[2]string{channel, "possible"}] += uint64(c.Possible)
		f.holders[[2]string{channel, "unreachable"}] += uint64(c.Unreachable)
	}
	return nil
}

// label bounds the values of a label: names of channels are the senders' to choose.
func label(channel string) string {
	if channels.Known(channel) {
		return channel
	}
	return "other"
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// cleared notes how long a recall took.
func (s *survey) cleared(v *projections.Recall) {
	var slowest int64
	for _, c := range v.Channels {
		slowest = max(slowest, c.T99)
	}
	s.clear.Observe((time.Duration(slowest) * time.Millisecond).Seconds())
}

// countClicks counts the clicks that came since the last survey on pushes whose
// recall runs.
func (s *survey) countClicks(ctx context.Context, upTo events.Positions, pushes map[[2]string]bool) error {
	apps := map[string]bool{}
	for p := range pushes {
		apps[p[0]] = true
	}
	for _, p := range s.n.ledger.Parts() {
		if len(pushes) == 0 {
			break
		}
		r := events.Range{From: s.read.Of(p.Number()) + 1, To: upTo.Of(p.Number()), Filter: clickFilter(p.Number())}
		if r.To < r.From {
			continue
		}
		if err := p.Log.Read(ctx, r, func(m events.Message) error {
			defer func() { s.read = s.read.Merge(events.Positions{m.Position}) }() // what was counted is not counted again
			// The app stands in the subject, so others need not be decoded.
			if tokens := strings.SplitN(m.Subject, ".", 5); len(tokens) < 5 || !apps[tokens[3]] {
				return nil
			}
			e, err := events.Decode(m.Data)
			if err == nil && pushes[[2]string{e.App, e.Push}] {
				return s.click(m, e)
			}
			return nil // the projection quarantined what cannot be read
		}); err != nil {
			return err
		}
	}
	s.read = s.read.Merge(upTo)
	return nil
}

// click counts the devices of a click that a recall came before.
func (s *survey) click(m events.Message, e *events.Event) error {
	c, ok := e.Data.(*events.Fact)
	if !ok || e.Kind != events.ClickClicked {
		return nil
	}
	state, err := s.n.ledger.State(e.App, e.Push, events.Scope{})
	if err != nil {
		return err
	}
	n := 0
	for _, device := range c.Devices {
		for _, r := range state.Push.Recalls {
			takes := r.Action == string(channels.Recall) || r.Action == string(channels.Override)
			// Of a user's recall it is not known here whose device this is.
			in := r.Scope.Whole() || r.Scope.Device == device && (r.Scope.Channel == "" || r.Scope.Channel == c.Channel)
			if takes && in && r.State == ledger.Running && r.Seq < m.Seq && e.Time.After(r.At) {
				n++
				break
			}
		}
	}
	if n > 0 {
		s.clicks.WithLabelValues(label(c.Channel)).Add(float64(n))
	}
	return nil
}

// clickFilter matches the clicks of all apps. The grammar of subjects is events'
// own, so the filter is widened from that of one push.
func clickFilter(partition int) string {
	tokens := strings.Split(events.Subject(partition, "any", events.ClickClicked, "any", ""), ".")
	tokens[3], tokens[len(tokens)-1] = "*", "*"
	return strings.Join(tokens, ".")
}

// last returns what the newest survey found; its time is zero before the first.
func (s *survey) last() figures {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.result
}
