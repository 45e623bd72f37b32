package hygiene

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"safekeep/shared/ledger"
	"safekeep/shared/metrics"
	"safekeep/shared/token"
)

// Directory knows the workspaces and who is or was in them.
type Directory interface {
	// IDs calls yield with the ids of all workspaces of a segment, page by page.
	IDs(ctx context.Context, segment, segments int, yield func([]string) error) error
	// Everybody returns all who are or were in a workspace.
	Everybody(ctx context.Context, workspace string) (map[string]Person, error)
	// Person returns one of them, Unknown for somebody who never was.
	Person(ctx context.Context, workspace, user string) (Person, error)
}

// Person is what is known of somebody who may have made a token.
type Person struct {
	State  Creator
	LeftAt time.Time // of somebody who has left
}

// Tokens are the tokens that are judged.
type Tokens interface {
	// Each calls yield with a workspace's tokens, page by page: the active
	// ones, and of those that have ended the ones that bear a mark. It may be a
	// moment behind.
	Each(ctx context.Context, workspace string, yield func([]token.Token) error) error
	// Find returns the tokens among hashes as they are now.
	Find(ctx context.Context, hashes []token.Hash) (map[token.Hash]token.Token, error)
	// Mark writes markings, and the account over the one of its Version, if the
	// tokens are as they were judged and the premise holds; else nothing and
	// ErrRaced.
	Mark(ctx context.Context, markings []token.Marking, premise Premise, account Account) error
}

// Premise is what several markings of one creator's tokens go by: that somebody
// still is what they were judged as. The zero Premise goes by nobody.
type Premise struct {
	Workspace, User string
	State           Creator
}

// Book is the ledger as a sweep uses it.
type Book interface {
	// Account returns a workspace's account, consistently; Version is 0 when
	// there is none.
	Account(ctx context.Context, workspace string) (Account, error)
	// Since calls yield with the entries of some kinds that were written from
	// a time on, oldest first and consistently.
	Since(ctx context.Context, workspace string, from time.Time, kinds []ledger.Kind, yield func(ledger.Entry)) error
	// Tell writes the account over the one of its Version, and with it the
	// digest if there is one; else nothing and ErrRaced.
	Tell(ctx context.Context, account Account, digest *ledger.Entry) error
}

// ErrRaced says that nothing was written because somebody else had changed what
// the write went by.
var ErrRaced = errors.New("it changed in between")

// Sweep is the daily run over all workspaces, or over one segment of them.
type Sweep struct {
	Directory Directory
	Tokens    Tokens
	Book      Book
	Rules     Rules
	Metrics   *metrics.Recorder
	// Now is the wall clock. Nothing is judged by it; it only tells a run of
	// another time, the time that is left, and how long things took.
	Now func() time.Time
	// TimeTravel lets runs of any time through.
	TimeTravel bool
}

// The limits of a run.
const (
	// atOnce is how many workspaces are visited at once; each holds its
	// members and a page of tokens in memory.
	atOnce = 8
	// reserve is the time that must be left to begin with a workspace, and
	// ending what is left when those that are under way are given up.
	reserve = 20 * time.Second
	ending  = 5 * time.Second
	// skew is how far another machine's clock may be off.
	skew = 5 * time.Minute
	// stale is how late a run may be: the schedule tries for some hours, and
	// somebody may make up for it on the next day. A wrong date by hand must not
	// warn as of last year.
	stale = 48 * time.Hour
)

// Event is what invokes function sweep: the schedule, or one part of the state
// machine that fans it out.
type Event struct {
	Scheduled time.Time `json:"scheduled"`
	// Segment, from 0, of Segments; neither given is the only one.
	Segment  *int `json:"segment"`
	Segments int  `json:"segments"`
}

// share returns which segment of how many, and whether the event makes sense.
func (e Event) share() (segment, segments int, ok bool) {
	if e.Segment == nil {
		return 0, 1, e.Segments <= 1 && e.Segments >= 0
	}
	return *e.Segment, e.Segments, *e.Segment >= 0 && *e.Segment < e.Segments && e.Segments <= maxSegments
}

// Report is what a run did.
type Report struct {
	Workspaces int `json:"workspaces"`
	Failed     int `json:"failed"` // workspaces that could not be done, or not all of them
	Tokens     int `json:"tokens"` // read
	Findings   int `json:"findings"`
	Digests    int `json:"digests"`
}

// Errors of Handle: a run that is refused, and one that did not get through.
var (
	ErrEvent  = errors.New(`the event is not {"scheduled":"<time>","segment":<0 and up>,"segments":<1 and up>}`)
	ErrFuture = errors.New("the scheduled time is in the future")
	ErrStale  = errors.New("the scheduled time is more than two days ago; give one of today")
	ErrTime   = errors.New("the time was up before all workspaces were visited; raise SweepSegments")
)

// maxSegments is what DynamoDB takes.
const maxSegments = 1_000_000

// Handle runs one segment. A workspace that cannot be done does not stop the
// others: it is counted, named in the log, and tried again by the next run.
func (s *Sweep) Handle(ctx context.Context, e Event) (Report, error) {
	segment, segments, ok := e.share()
	if e.Scheduled.IsZero() || !ok {
		return Report{}, ErrEvent
	}
	began := s.Now()
	if err := s.timely(e.Scheduled, began); err != nil {
		return Report{}, fmt.Errorf("%w: %s", err, e.Scheduled.Format(time.RFC3339))
	}
	// Marks are kept to the second.
	report, err := s.run(ctx, e.Scheduled.UTC().Truncate(time.Second), segment, segments)
	s.record(began, report, err)
	if err != nil {
		return report, err
	}
	slog.InfoContext(ctx, "swept", "scheduled", e.Scheduled, "segment", segment, "segments", segments,
		"workspaces", report.Workspaces, "failed", report.Failed, "tokens", report.Tokens,
		"findings", report.Findings, "digests", report.Digests)
	return report, nil
}

// timely says whether a run is of about now.
func (s *Sweep) timely(scheduled, now time.Time) error {
	switch {
	case s.TimeTravel:
		return nil
	case scheduled.After(now.Add(skew)):
		return ErrFuture
	case scheduled.Before(now.Add(-stale)):
		return ErrStale
	}
	return nil
}

func (s *Sweep) run(ctx context.Context, at time.Time, segment, segments int) (Report, error) {
	var mu sync.Mutex
	var report Report
	var group errgroup.Group
	group.SetLimit(atOnce)
	visits, cancel := s.deadline(ctx)
	defer cancel()
	err := s.Directory.IDs(ctx, segment, segments, func(ids []string) error {
		for _, id := range ids {
			if s.late(ctx) {
				return ErrTime
			}
			group.Go(func() error {
				v := &visit{sweep: s, workspace: id, at: at}
				err := v.run(visits)
				if err != nil {
					slog.ErrorContext(ctx, "workspace not swept", "workspace", id, "scheduled", at, "error", err.Error())
				}
				mu.Lock()
				defer mu.Unlock()
				report.add(v, err)
				s.recordFindings(v.tally)
				return nil
			})
		}
		return nil
	})
	_ = group.Wait() // a visit's error is counted, not returned
	if err == nil && visits.Err() != nil {
		err = ErrTime
	}
	return report, err
}

// deadline leaves time to say which workspaces were not done.
func (s *Sweep) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if end, ok := ctx.Deadline(); ok {
		return context.WithDeadline(ctx, end.Add(-ending))
	}
	return context.WithCancel(ctx)
}

func (r *Report) add(v *visit, err error) {
	r.Workspaces++
	if err != nil {
		r.Failed++
	}
	r.Tokens += v.tokens
	r.Findings += v.findings
	r.Digests += v.digests
}

// late says whether too little time is left to begin with a workspace.
func (s *Sweep) late(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && deadline.Sub(s.Now()) < reserve
}

// record writes the figures of a run. The heartbeat is for a run that got
// through; that it is missing is what wakes somebody.
func (s *Sweep) record(began time.Time, r Report, err error) {
	now := s.Now()
	values := []metrics.Value{
		{Name: "SweepSeconds", Unit: metrics.Seconds, Value: now.Sub(began).Seconds()},
		{Name: "SweepWorkspaces", Unit: metrics.Count, Value: float64(r.Workspaces)},
		{Name: "SweepWorkspacesFailed", Unit: metrics.Count, Value: float64(r.Failed)},
		{Name: "SweepTokens", Unit: metrics.Count, Value: float64(r.Tokens)},
		{Name: "SweepDigests", Unit: metrics.Count, Value: float64(r.Digests)},
	}
	if err == nil {
		values = append(values, metrics.Value{Name: "SweepHeartbeat", Unit: metrics.Count, Value: 1})
	}
	s.Metrics.Record(now, values)
}

// recordFindings writes what has been added to a workspace's figures: of the
// tokens for the whole stack, and of each reason apart.
func (s *Sweep) recordFindings(more Tally) {
	s.recordFunnel(more.Tokens)
	for _, reason := range Reasons {
		s.recordFunnel(*more.of(reason), [2]string{"Reason", string(reason)})
	}
}

func (s *Sweep) recordFunnel(f Funnel, dimensions ...[2]string) {
	if f == (Funnel{}) {
		return
	}
	count := func(name string, n int) metrics.Value {
		return metrics.Value{Name: name, Unit: metrics.Count, Value: float64(n)}
	}
	s.Metrics.RecordApart(s.Now(), []metrics.Value{
		count("FindingsWarned", f.Found), count("FindingsReminded", f.Reminded),
		count("FindingsEndedAfterFirstMail", f.AfterFirstMail), count("FindingsEndedAfterFollowUp", f.AfterFollowUp),
		count("FindingsEndedLater", f.Later), count("FindingsEndedByThemselves", f.ByItself), count("FindingsKept", f.Kept),
	}, dimensions...)
}
