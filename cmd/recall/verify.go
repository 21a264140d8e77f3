package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/audit"
	"github.com/recall-ledger/recall-ledger/ledger/node"
)

// verifyFlags are the flags of recall verify.
type verifyFlags struct {
	store     storeFlags
	anchors   string
	write     string
	noRebuild bool
}

func newVerifyCommand(o *globalOptions) *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use:   "verify",
		Short: "Check a whole log against what the ledger promises",
		Long: `Walk the whole log, of all apps, and check it: nothing is missing, every command
belongs to one recall and ends once, everybody a recall concerned was commanded
once and nobody else, and no vendor was called for somebody who had clicked before
the command. The first event that breaks a promise is told with its position, and
the exit code is then 1.

The log of a cluster (--nats, --nats-context) stays in use meanwhile, and is checked
up to the end it had; that of a node with a server of its own is read from its
folder (--data), and the node must be stopped, or verify a copy of its folder. Where
the log was not made with the default settings, give those it has: the node's file
(--config), or --replicas, --max-age and --max-bytes.

Anchors are hashes of everything up to an event. Keep them where the ledger's
machines cannot reach (--write-anchors); a later verify compares with them
(--anchors) and so proves that nothing before them was changed since.

Of a ledger with several partitions each is checked, one after the other, and what
must hold between them: every push is in the partition of its id, and the new push
of an override is in its own before anybody is told of it. A file of anchors holds
those of all.

The projection in the node's folder is copied, and folded anew from the log beside
the copy; both must be the same to the byte. Beside a cluster that is done if --data
names the folder of a node that is stopped.`,
		Example: `  recall verify --data /var/lib/recall --write-anchors 2026-11-20.anchors
  recall verify --data /var/lib/recall --anchors 2026-11-20.anchors
  recall verify --nats nats://a,nats://b,nats://c --replicas 3 --anchors 2026-11-20.anchors
  recall verify --data /backup/recall -o json | jq .first_violation`,
		Args: arguments(),
	}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := o.bounded(cmd)
		defer cancel()
		return o.storeProblem(o.verify(ctx, cmd, &f))
	}
	f.store.register(c)
	f.store.registerSettings(c)
	l := c.Flags()
	l.StringVar(&f.anchors, "anchors", "", "file of anchors to compare with")
	l.StringVar(&f.write, "write-anchors", "", "file to write the anchors of this log to")
	l.BoolVar(&f.noRebuild, "no-rebuild", false, "do not fold the projection anew")
	return c
}

func (o *globalOptions) verify(ctx context.Context, cmd *cobra.Command, f *verifyFlags) (err error) {
	known, err := readAnchors(f.anchors)
	if err != nil {
		return err
	}
	s, c, err := f.store.open(cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	start := time.Now()
	list, err := f.walk(ctx, s, c, known, o.meter(cmd, "Verifying"))
	if err != nil {
		return err
	}
	if f.write != "" {
		if err := writeAnchors(f.write, list); err != nil {
			return fmt.Errorf("write the anchors: %w", err)
		}
	}
	p := o.printer(cmd)
	if err := p.audited(list); err != nil {
		return err
	}
	p.note("Verified in %s", time.Since(start).Round(time.Millisecond))
	return verdict(list, known)
}

// audited is the report of a partition, and why its projection was not compared.
type audited struct {
	*audit.Report
	skipped string
}

// walk walks the logs, each with a rebuild where there is a projection to compare
// with.
func (f *verifyFlags) walk(ctx context.Context, s *store, c *serveConfig, known []audit.Anchor, m *meter) (list []audited, err error) {
	logs, err := s.logs(ctx, c)
	if err != nil {
		return nil, err
	}
	skip, err := f.skip(s, c)
	if err != nil {
		return nil, err
	}
	skipped := make([]string, len(logs))
	temp, err := os.MkdirTemp("", "recall-verify-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	grown, err := grownOf(logs)
	if err != nil {
		return nil, err
	}
	reports, err := audit.WalkAll(ctx, logs, audit.Config{
		Grown: grown, Anchors: known, Progress: m.count,
		Rebuild: func(ctx context.Context, log events.Log) (*audit.Rebuild, error) {
			n := log.Partition()
			live := node.Folder(c.node.Data).Projection(n)
			switch {
			case skip != "":
				skipped[n] = skip
				return nil, nil
			case missing(live):
				skipped[n] = "there is none"
				return nil, nil
			}
			// One is copied at a time, so that the disk has to hold no more.
			dir := filepath.Join(temp, "projection")
			if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
				return nil, err
			}
			r, err := audit.NewRebuild(ctx, log, live, dir)
			if errors.Is(err, audit.ErrAged) {
				skipped[n] = err.Error()
				return nil, nil
			}
			return r, err
		},
	})
	m.end(err)
	if err != nil {
		return nil, err
	}
	for i, r := range reports {
		list = append(list, audited{r, skipped[i]})
	}
	return list, nil
}

// skip says why no projection is compared, "" when those in the data folder are. Of
// a node beside a cluster that folder is not locked yet.
func (f *verifyFlags) skip(s *store, c *serveConfig) (string, error) {
	switch {
	case f.noRebuild:
		return "--no-rebuild was given", nil
	case !external(c):
		return "", nil
	case c.from["data"] == "default":
		return "--data names no folder of a node that is stopped", nil
	}
	lock, err := node.Folder(c.node.Data).Lock()
	if errors.Is(err, node.ErrLocked) {
		return "a node runs on " + c.node.Data, nil
	}
	s.lock = lock
	return "", offlineProblem(err)
}

// offlineProblem adds what to do about what people run into.
func offlineProblem(err error) error {
	var settings *jetstream.DifferenceError
	switch {
	case errors.Is(err, node.ErrLocked):
		return exitf(exitPrecondition, "%w", err)
	case errors.Is(err, os.ErrNotExist):
		return exitf(exitNotFound, "%w; name the node's folder with --data", err)
	case errors.As(err, &settings):
		return exitf(exitError, "%w\nThe node's settings are in its configuration: name that file with --config.", err)
	}
	return err
}

func readAnchors(path string) ([]audit.Anchor, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, usagef("--anchors: %w", err)
	}
	defer file.Close()
	list, err := audit.ReadAnchors(file)
	if err != nil {
		return nil, usagef("--anchors %s: %w", path, err)
	}
	return list, nil
}

// writeAnchors replaces a file of anchors by those of all partitions; a crash
// leaves the one before.
func writeAnchors(path string, list []audited) error {
	var anchors []audit.Anchor
	for _, r := range list {
		anchors = append(anchors, r.Anchors...)
	}
	file, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err = audit.WriteAnchors(file, anchors); err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return os.Rename(file.Name(), path)
}

// first returns the first violation, of the first partition that has one; nil
// when everything holds.
func first(list []audited) *audit.Violation {
	for _, r := range list {
		if r.Worst != nil {
			return r.Worst
		}
	}
	return nil
}

// verdict is the error of a log that breaks a promise.
func verdict(list []audited, known []audit.Anchor) error {
	if v := first(list); v != nil {
		return exitf(exitError, "the log breaks a promise (%s): %s %s", v.Check, v.Position, v.Text)
	}
	for n, r := range list {
		var own []audit.Anchor
		for _, a := range known {
			if a.Partition == n {
				own = append(own, a)
			}
		}
		if len(own) > 0 && r.Checked == 0 {
			return exitf(exitPrecondition, "no anchor could be compared: the log begins at %s, the anchors end at %d and begin at %d", r.First, own[len(own)-1].Seq, own[0].From)
		}
	}
	return nil
}

// The verdicts of a ledger with several partitions.
const (
	verdictKept   = "kept"
	verdictBroken = "broken"
)

// verification is what recall verify prints of several partitions.
type verification struct {
	// Verdict is kept, or broken where any partition breaks a promise.
	Verdict    string           `json:"verdict"`
	Worst      *audit.Violation `json:"first_violation,omitempty"`
	Partitions []*audit.Report  `json:"partitions"`
}

// audited prints the reports of all partitions.
func (p *printer) audited(list []audited) error {
	if len(list) == 1 {
		if err := p.value(list[0].Report, func() error { return p.verified(list[0].Report, false) }); err != nil {
			return err
		}
		p.compared(&list[0], "The projection")
		return nil
	}
	a := verification{Verdict: verdictKept, Worst: first(list)}
	if a.Worst != nil {
		a.Verdict = verdictBroken
	}
	for _, r := range list {
		a.Partitions = append(a.Partitions, r.Report)
	}
	if err := p.value(a, func() error {
		for i, r := range list {
			if err := p.say("Partition %d of %d", i, len(list)); err != nil {
				return err
			}
			if err := errors.Join(p.verified(r.Report, true), p.say("")); err != nil {
				return err
			}
		}
		return p.say("The promises are %s.", a.Verdict)
	}); err != nil {
		return err
	}
	for i := range list {
		p.compared(&list[i], fmt.Sprintf("The projection of partition %d", i))
	}
	return nil
}

// compared says why a projection was not compared.
func (p *printer) compared(r *audited, what string) {
	if r.skipped != "" {
		p.note("%s was not compared: %s.", what, r.skipped)
	}
}

// verified prints a report for people; several says that there are other
// partitions.
func (p *printer) verified(r *audit.Report, several bool) error {
	if err := p.say("%s to %s: %s, %s, %s", r.First, r.Last, plural(r.Events, "event", "events"), size(r.Bytes), plural(r.Unreadable, "unreadable", "unreadable")); err != nil {
		return err
	}
	if err := p.kinds(r); err != nil {
		return err
	}
	if r.Recalls > 0 {
		var outcomes []string
		for _, name := range []string{"pending", "accepted", "confirmed", "refused", "skipped", "unsupported", "expired"} {
			if n := r.Outcomes[name]; n > 0 {
				outcomes = append(outcomes, number(n)+" "+name)
			}
		}
		if err := p.say("%s, %s running: %s planned and %s late; %s commanded (%s), %s owed, %s let go by an abort; %s clicked before the call",
			plural(r.Recalls, "recall", "recalls"), number(r.Running), number(r.Planned), number(r.Late), number(r.Commanded), strings.Join(outcomes, ", "),
			number(r.Owed), number(r.Released), number(r.Dropped)); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(p.out, "\n"); err != nil {
		return err
	}
	g := p.grid(column{name: "check"}, column{name: "result"}, column{name: "what"})
	for _, c := range audit.Checks() {
		if c.Several && !several {
			continue
		}
		result := painted{"ok", green}
		switch n := r.Violations[c.Check]; {
		case n > 0:
			result = painted{plural(n, "violation", "violations"), red}
		case c.Check == audit.Chain && r.Checked == 0, c.Check == audit.Projection && r.Rebuilt == nil:
			result = painted{"not checked", yellow}
		}
		g.row(string(c.Check), result, c.Holds)
	}
	if err := g.render(p.out); err != nil {
		return err
	}
	if r.Overtaken > 0 {
		p.note("%s told differently by two deliveries of one command, as when a node is held up; the greater one counts.", plural(r.Overtaken, "outcome was", "outcomes were"))
	}
	if r.Backwards > 0 {
		p.note("%s stored at an earlier time than the one before: the clock was set back.", plural(r.Backwards, "event was", "events were"))
	}
	if n := len(r.Anchors); n > 0 {
		a := r.Anchors[n-1]
		at := strconv.FormatUint(uint64(a.Seq), 10)
		if several {
			at = events.Position{Partition: a.Partition, Seq: a.Seq}.String()
		}
		_, err := fmt.Fprintf(p.out, "\nanchor %s %s\n", at, a.Hash)
		return err
	}
	return nil
}

// kinds lists how many events of each kind there are.
func (p *printer) kinds(r *audit.Report) error {
	var list []string
	for _, k := range events.Kinds() {
		if n := r.Kinds[k]; n > 0 {
			list = append(list, number(n)+" "+string(k))
		}
	}
	if len(list) == 0 {
		return nil
	}
	return p.wrapped("", strings.Join(list, ", "))
}
