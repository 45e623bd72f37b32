package rotation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"safekeep/shared/credential"
	"safekeep/shared/metrics"
	"safekeep/shared/problem"
)

// Event is what invokes function rotate.
type Event struct {
	Scheduled time.Time `json:"scheduled"`
}

// Report is what a run did and how things stand after it.
type Report struct {
	KeyPairs int `json:"key_pairs"` // there are
	Due      int `json:"due"`       // of them had something to be done
	Done     int `json:"done"`      // new keys that were put in use
	Retired  int `json:"retired"`   // old keys that were removed, or left to their owners
	Blocked  int `json:"blocked"`   // wait for a customer
	Failing  int `json:"failing"`   // are tried again tomorrow
	Stuck    int `json:"stuck"`     // should have been rotated a week ago, and wait for nobody
	Failed   int `json:"failed"`    // could not be worked at, for our own reasons
}

// Errors of Handle: a run that is refused, and one that did not get through.
var (
	ErrEvent  = errors.New(`the event is not {"scheduled":"<time>"}`)
	ErrFuture = errors.New("the scheduled time is in the future")
	ErrStale  = errors.New("the scheduled time is more than two days ago; give one of today")
	ErrTime   = errors.New("the time was up before all key pairs were rotated; the next run goes on")
)

// The limits of a run.
const (
	atOnce = 8
	skew   = 5 * time.Minute
	stale  = 48 * time.Hour
	// stuckAfter is how long after it was due a rotation counts as stuck.
	stuckAfter = 7 * 24 * time.Hour
)

// safekeep is who acts in a scheduled run.
const safekeep = "safekeep"

// Handle works at all key pairs that have something to be done. One that cannot be
// rotated does not stop the others.
func (r *Rotator) Handle(ctx context.Context, e Event) (Report, error) {
	began := r.Now()
	if err := r.timely(e.Scheduled, began); err != nil {
		return Report{}, err
	}
	at := e.Scheduled.UTC().Truncate(time.Second)
	report, err := r.run(ctx, at)
	r.record(began, report, err)
	if err != nil {
		return report, err
	}
	slog.InfoContext(ctx, "rotated", "scheduled", at, "key_pairs", report.KeyPairs, "due", report.Due, "done", report.Done, "retired", report.Retired,
		"blocked", report.Blocked, "failing", report.Failing, "stuck", report.Stuck, "failed", report.Failed)
	return report, nil
}

// timely says whether a run is of about now.
func (r *Rotator) timely(scheduled, now time.Time) error {
	switch {
	case scheduled.IsZero():
		return ErrEvent
	case r.TimeTravel:
		return nil
	case scheduled.After(now.Add(skew)):
		return fmt.Errorf("%w: %s", ErrFuture, scheduled.Format(time.RFC3339))
	case scheduled.Before(now.Add(-stale)):
		return fmt.Errorf("%w: %s", ErrStale, scheduled.Format(time.RFC3339))
	}
	return nil
}

func (r *Rotator) run(ctx context.Context, at time.Time) (Report, error) {
	var mu sync.Mutex
	var report Report
	var group errgroup.Group
	group.SetLimit(atOnce)
	err := r.Credentials.EachKeyPair(ctx, func(c credential.Credential) error {
		mu.Lock()
		report.KeyPairs++
		mu.Unlock()
		if next := c.NextAt(r.Defaults); next.IsZero() || at.Before(next) {
			return nil
		}
		if r.late(ctx) {
			return ErrTime
		}
		group.Go(func() error {
			if r.late(ctx) { // it may have waited for its turn
				return nil
			}
			v, err := r.attend(ctx, c, at)
			mu.Lock()
			defer mu.Unlock()
			report.add(v, err, r.Defaults)
			return nil
		})
		return nil
	})
	_ = group.Wait() // a visit's error is counted, not returned
	return report, err
}

// attend works at one key pair and logs why it could not.
func (r *Rotator) attend(ctx context.Context, c credential.Credential, at time.Time) (*visit, error) {
	v := &visit{rotator: r, c: c, at: at, actor: safekeep}
	err := r.Directory.CheckWorkspace(ctx, c.Workspace)
	if err == nil {
		err = r.visit(ctx, v)
	}
	var p *problem.Error
	switch {
	case err == nil, errors.Is(err, errTaken), errors.Is(err, errNoKeyPair):
		return v, nil // somebody else is at it, or it has just gone
	case errors.As(err, &p) && p.Kind == problem.NotFound:
		return nil, nil // the workspace has ended, or the credential was deleted
	}
	slog.ErrorContext(ctx, "key pair not rotated", "workspace", c.Workspace, "credential", c.ID, "error", err.Error())
	return v, err
}

func (r *Report) add(v *visit, err error, d credential.Defaults) {
	if v == nil {
		return
	}
	r.Due++
	if v.rotated {
		r.Done++
	}
	if v.gone {
		r.Retired++
	}
	switch {
	case err != nil:
		r.Failed++
	case v.c.Rotation.Trouble.State == credential.Blocked:
		r.Blocked++
		return // it is the customer's turn, however long they take
	case v.c.Rotation.Trouble.State == credential.Failing:
		r.Failing++
	}
	if next := v.c.NextAt(d); !next.IsZero() && !v.at.Before(next.Add(stuckAfter)) {
		r.Stuck++
	}
}

// late says whether too little time is left to begin with a key pair.
func (r *Rotator) late(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && deadline.Sub(r.Now()) < visitTime+10*time.Second
}

// record writes the figures of a run. The heartbeat is for a run that got through.
func (r *Rotator) record(began time.Time, report Report, err error) {
	now := r.Now()
	count := func(name string, n int) metrics.Value {
		return metrics.Value{Name: name, Unit: metrics.Count, Value: float64(n)}
	}
	values := []metrics.Value{
		{Name: "RotateSeconds", Unit: metrics.Seconds, Value: now.Sub(began).Seconds()},
		count("RotationsDue", report.Due), count("RotationsDone", report.Done), count("RotationsBlocked", report.Blocked),
		count("RotationsFailing", report.Failing+report.Failed), count("RotationsStuck", report.Stuck),
	}
	if err == nil {
		values = append(values, count("RotateHeartbeat", 1))
	}
	r.Metrics.Record(now, values)
}
