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
	// ones, and of those that have ended the ones that bear a mark, or that
	// leaked or were changed by a sweep since the given time. It may be a
	// moment behind.
	Each(ctx context.Context, workspace string, since time.Time, yield func([]token.Token) error) error
	// Lookup returns a token as it is now, or token.ErrNotFound.
	Lookup(ctx context.Context, hash token.Hash) (token.Token, error)
	// Mark writes markings if their tokens are as they were judged and the
	// premise holds, else nothing and ErrRaced.
	Mark(ctx context.Context, markings []token.Marking, premise Premise) error
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
	// Settle writes the account over the one of its Version, and with it the
	// digest if there is one, or nothing and ErrRaced.
	Settle(ctx context.Context, account Account, digest *ledger.Entry) error
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
	// the future, the time that is left, and how long things took.
	Now func() time.Time
	// TimeTravel lets runs of the future through.
	TimeTravel bool
}

// The limits of a run.
const (
	// atOnce is how many workspaces are visited at once; each holds its
	// members and a page of tokens in memory.
	atOnce = 8
	// reserve is the time that must be left to begin with a workspace.
	reserve = 10 * time.Second
	// skew is how far another machine's clock may be off.
	skew = 5 * time.Minute
)

// Event is what invokes function sweep: the schedule, or one part of the state
// machine that fans it out.
type Event struct {
	Scheduled time.Time `json:"scheduled"`
	// Segment, from 0, of Segments; none given is the only one.
	Segment  int `json:"segment"`
	Segments int `json:"segments"`
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
	ErrTime   = errors.New("the time was up before all workspaces were visited; raise SweepSegments")
)

// maxSegments is what DynamoDB takes.
const maxSegments = 1_000_000

// Handle runs one segment. A workspace that cannot be done does not stop the
// others: it is counted, named in the log, and tried again by the next run.
func (s *Sweep) Handle(ctx context.Context, e Event) (Report, error) {
	if e.Segments == 0 {
		e.Segments = 1
	}
	if e.Scheduled.IsZero() || e.Segments < 1 || e.Segments > maxSegments || e.Segment < 0 || e.Segment >= e.Segments {
		return Report{}, ErrEvent
	}
	began := s.Now()
	if e.Scheduled.After(began.Add(skew)) && !s.TimeTravel {
		return Report{}, fmt.Errorf("%w: %s", ErrFuture, e.Scheduled.Format(time.RFC3339))
	}
	// Marks are kept to the second.
	report, err := s.run(ctx, e.Scheduled.UTC().Truncate(time.Second), e.Segment, e.Segments)
	s.record(began, report, err)
	if err != nil {
		return report, err
	}
	slog.InfoContext(ctx, "swept", "scheduled", e.Scheduled, "segment", e.Segment, "segments", e.Segments,
		"workspaces", report.Workspaces, "failed", report.Failed, "tokens", report.Tokens,
		"findings", report.Findings, "digests", report.Digests)
	return report, nil
}

func (s *Sweep) run(ctx context.Context, at time.Time, segment, segments int) (Report, error) {
	var mu sync.Mutex
	var report Report
	var group errgroup.Group
	group.SetLimit(atOnce)
	err := s.Directory.IDs(ctx, segment, segments, func(ids []string) error {
		for _, id := range ids {
			if s.late(ctx) {
				return ErrTime
			}
			group.Go(func() error {
				v := &visit{sweep: s, workspace: id, at: at}
				err := v.run(ctx)
				if err != nil {
					slog.ErrorContext(ctx, "workspace not swept", "workspace", id, "scheduled", at, "error", err.Error())
				}
				mu.Lock()
				defer mu.Unlock()
				report.add(v, err)
				return nil
			})
		}
		return nil
	})
	_ = group.Wait() // a visit's error is counted, not returned
	return report, err
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

// recordFindings writes what has been added to a workspace's figures.
func (s *Sweep) recordFindings(more Tally) {
	for _, reason := range Reasons {
		f := more[reason]
		if f == (Funnel{}) {
			continue
		}
		var values []metrics.Value
		for _, v := range []struct {
			name string
			n    int
		}{
			{"FindingsWarned", f.Found}, {"FindingsReminded", f.Reminded},
			{"FindingsEndedAfterFirstMail", f.AfterFirstMail}, {"FindingsEndedAfterFollowUp", f.AfterFollowUp},
			{"FindingsEndedLater", f.Later}, {"FindingsEndedByThemselves", f.ByItself}, {"FindingsKept", f.Kept},
		} {
			values = append(values, metrics.Value{Name: v.name, Unit: metrics.Count, Value: float64(v.n)})
		}
		s.Metrics.Record(s.Now(), values, [2]string{"Reason", string(reason)})
	}
}
