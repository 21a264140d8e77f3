package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// publishFlags are the flags of recall publish.
type publishFlags struct {
	file    string
	rejects string
	restart bool
	dryRun  bool
	retries int
}

func newPublishCommand(o *globalOptions) *cobra.Command {
	var f publishFlags
	c := &cobra.Command{
		Use:   "publish -f FILE",
		Short: "Publish events from a file",
		Long: `Publish events, one JSON object per line (NDJSON; see events/FORMAT.md). What is
accepted is on disk when it is counted. No line is lost or passed over: refused
ones are listed by line with field and reason, and the exit code is then 7.

Facts count once however often they are published, so everything may be sent
again. A file that was interrupted goes on where it stopped: FILE` + progressSuffix + `
says how far it is, and is removed at the end. When the ledger is busy or goes
away in between, the same lines are sent again after a while.`,
		Example: `  recall publish -f events.ndjson
  recall publish -f events.ndjson --dry-run
  zcat events.ndjson.gz | recall publish -f - --rejects refused.ndjson
  jq -r .event refused.ndjson > repaired.ndjson`,
		Args: arguments(),
	}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if f.file == "" {
			return usagef("name the file with --file, or - for standard input")
		}
		if f.retries < 0 {
			return usagef("--retries is %d; it must not be negative", f.retries)
		}
		return o.publish(cmd, &f)
	}
	l := c.Flags()
	l.StringVarP(&f.file, "file", "f", "", "file of events, - for standard input (required)")
	l.StringVar(&f.rejects, "rejects", "", "file to collect refused lines in, with line number, field and reason (NDJSON)")
	l.BoolVar(&f.restart, "restart", false, "begin at the first line, whatever an earlier run has published")
	l.BoolVar(&f.dryRun, "dry-run", false, "check the events here, and send nothing")
	l.IntVar(&f.retries, "retries", 10, "how often to send the same lines again when the ledger does not take them")
	return c
}

// upload is one run of recall publish.
type upload struct {
	state *progressState
	// path is where the state is kept, "" for input that cannot be gone on with.
	path    string
	in      *chunkReader
	send    func(context.Context, *chunk) (sent, error)
	report  *reporter
	rejects *rejects
}

func (o *globalOptions) publish(cmd *cobra.Command, f *publishFlags) (err error) {
	client, err := o.client()
	if err != nil {
		return err
	}
	u, total, closeFile, err := o.openUpload(cmd, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeFile()) }()
	if f.rejects != "" && sameFile(f.rejects, f.file) {
		return usagef("--rejects names the file of the events itself")
	}
	if u.rejects, err = openRejects(f.rejects, u.state.Line > 0); err != nil {
		return err
	}
	u.report = o.report(cmd, total, u.state.Offset)
	u.rejects.log = u.report.log
	u.send = o.sendBy(client, f, u.report)
	start := time.Now()
	err = u.run(cmd.Context())
	u.report.end(err)
	err = errors.Join(err, u.rejects.close())
	if err != nil {
		return u.stopped(err, o)
	}
	if u.path != "" {
		if err := os.Remove(u.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("everything is published, but the progress file is left: %w", err)
		}
	}
	return o.printer(cmd).published(u, f, time.Since(start))
}

// sendBy returns what becomes of a chunk: it is sent, or only checked.
func (o *globalOptions) sendBy(client *api.Client, f *publishFlags, r *reporter) func(context.Context, *chunk) (sent, error) {
	if f.dryRun {
		return newChecker(o.app, time.Now()).check
	}
	return newSender(client, o.timeout, f.retries, r.waiting).send
}

// openUpload opens the input and finds out where to begin. total is its size,
// 0 when nobody knows.
func (o *globalOptions) openUpload(cmd *cobra.Command, f *publishFlags) (u *upload, total int64, closeFile func() error, err error) {
	stdin := &upload{state: &progressState{}, in: newChunkReader(cmd.InOrStdin(), 0, 0)}
	stdin.in.live = true
	if f.file == "-" {
		return stdin, 0, func() error { return nil }, nil
	}
	file, err := os.Open(f.file)
	if err != nil {
		return nil, 0, nil, fmt.Errorf("open the events: %w", err)
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = fmt.Errorf("%s is a folder; name a file", f.file)
	case !info.Mode().IsRegular():
		stdin.in.r.Reset(file)
		return stdin, 0, file.Close, nil
	default:
		u, err = o.openFile(cmd, f, file)
	}
	if err != nil {
		return nil, 0, nil, errors.Join(err, file.Close())
	}
	return u, info.Size(), file.Close, nil
}

func (o *globalOptions) openFile(cmd *cobra.Command, f *publishFlags, file *os.File) (*upload, error) {
	u := &upload{path: f.file + progressSuffix}
	p := o.printer(cmd)
	if f.dryRun {
		u.path = "" // a check neither uses nor leaves progress
	} else if !f.restart {
		state, why, err := readProgress(file, u.path, o.target())
		if err != nil {
			return nil, err
		}
		if u.state = state; state != nil {
			p.note("Going on after line %s, where an earlier run stopped.", number(state.Line))
		} else if why != "" {
			p.note("Beginning at the first line: %s.", why)
		}
	}
	if u.state == nil {
		var err error
		if u.state, err = newProgress(file, o.target()); err != nil {
			return nil, err
		}
	}
	if _, err := file.Seek(u.state.Offset, io.SeekStart); err != nil {
		return nil, err
	}
	u.in = newChunkReader(file, u.state.Offset, u.state.Line)
	return u, nil
}

// run publishes chunk by chunk until the input ends.
func (u *upload) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next := u.in.ahead(ctx)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case r := <-next:
			if errors.Is(r.err, io.EOF) {
				return nil
			}
			if r.err != nil {
				return fmt.Errorf("read the events: %w", r.err)
			}
			s, err := u.send(ctx, r.chunk)
			if err != nil {
				return err
			}
			if err := u.done(r.chunk, s); err != nil {
				return err
			}
		}
	}
}

// done records what became of a chunk. Refused lines are on disk before the
// progress says that they are done: a crash in between lists them twice, and
// loses none.
func (u *upload) done(c *chunk, s sent) error {
	if err := u.rejects.add(append(c.refused, s.refused...)); err != nil {
		return err
	}
	u.state.Accepted += s.accepted
	u.state.Refused += int64(len(c.refused) + len(s.refused))
	if s.accepted > 0 {
		u.state.Position = u.state.Position.Merge(s.position)
	}
	u.state.Offset, u.state.Line = c.end, c.last
	if u.path != "" {
		if err := u.state.write(u.path); err != nil {
			return fmt.Errorf("write the progress: %w", err)
		}
	}
	u.report.at(u.state, time.Now())
	return nil
}

// stopped says what is published and how to go on.
func (u *upload) stopped(err error, o *globalOptions) error {
	code, message := explain(err, o)
	done := fmt.Sprintf("everything up to line %s is published", number(u.state.Line))
	switch {
	case u.state.Line == 0:
		done = "nothing is published yet"
	case u.path != "":
		done += "; run the same command again to go on"
	default:
		done += "; go on with the lines after it"
	}
	return &codedError{code: code, message: message + "; " + done, err: err}
}

// publishAnswer is what recall publish prints.
type publishAnswer struct {
	Lines    int64   `json:"lines"`
	Accepted int64   `json:"accepted"`
	Refused  int64   `json:"refused"`
	Position string  `json:"position,omitempty"`
	DryRun   bool    `json:"dry_run,omitempty"`
	Seconds  float64 `json:"seconds"`
}

func (p *printer) published(u *upload, f *publishFlags, took time.Duration) error {
	s := u.state
	a := publishAnswer{Lines: s.Line, Accepted: s.Accepted, Refused: s.Refused, DryRun: f.dryRun, Seconds: took.Seconds()}
	verb, where := "accepted", ""
	if f.dryRun {
		verb = "in order"
	} else if s.Accepted > 0 {
		a.Position = s.Position.String()
		where = ", up to position " + a.Position
	}
	if err := p.value(a, func() error {
		return p.say("%s %s, %s refused%s, in %s", plural(s.Accepted, "event", "events"), verb, number(s.Refused), where, took.Round(time.Millisecond))
	}); err != nil {
		return err
	}
	if s.Refused == 0 {
		return nil
	}
	collected := "; --rejects FILE collects them"
	if f.rejects != "" {
		collected = "; they are in " + f.rejects
	}
	if f.dryRun {
		return exitf(exitPartial, "%s be refused%s", plural(s.Refused, "event would", "events would"), collected)
	}
	return exitf(exitPartial, "%s refused, the others are accepted%s", plural(s.Refused, "event was", "events were"), collected)
}
