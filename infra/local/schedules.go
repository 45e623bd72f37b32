package local

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"safekeep/infra"
	"safekeep/infra/local/host"
)

// Fire fires the schedule of a function as of a time and returns when the
// function has ended. The name is the function's or the schedule's.
func (s *Stack) Fire(ctx context.Context, name string, at time.Time) (host.Result, error) {
	for _, f := range s.Template.Functions {
		for _, schedule := range f.Schedules {
			if name == f.Name || name == schedule.Name {
				return s.Invoke(ctx, f.Name, input(schedule, at))
			}
		}
	}
	return host.Result{}, fmt.Errorf("firing %s: %w", name, errNoSchedule)
}

var errNoSchedule = fmt.Errorf("there is no such schedule in the template")

// input is what EventBridge Scheduler would send: the template's text with the
// placeholders filled in. A function's clock is the scheduled time in it, so a
// run of next month can be had today.
func input(schedule infra.Schedule, at time.Time) []byte {
	text := schedule.Input
	if text == "" {
		text = `{"scheduled":"<aws.scheduler.scheduled-time>"}`
	}
	return []byte(strings.NewReplacer(
		"<aws.scheduler.scheduled-time>", at.UTC().Format(time.RFC3339),
		"<aws.scheduler.execution-id>", "local-"+strconv.FormatInt(at.UnixNano(), 36),
		"<aws.scheduler.attempt-number>", "1",
		"<aws.scheduler.schedule-arn>", "arn:aws:scheduler:"+host.Region+":"+host.Account+":schedule/default/"+schedule.Name,
	).Replace(text))
}

// startTicks fires the schedules that come round at a rate. Those that name a
// time of day wait for somebody to fire them.
func (s *Stack) startTicks(ctx context.Context) error {
	if s.options.NoTicks {
		return nil
	}
	ctx, s.ticks = context.WithCancel(context.WithoutCancel(ctx))
	for _, f := range s.Template.Functions {
		for _, schedule := range f.Schedules {
			every, ok, err := rate(schedule.Expression)
			if err != nil {
				return fmt.Errorf("reading the schedule %s of %s: %w", schedule.Name, f.Name, err)
			}
			if ok {
				s.ticking.Go(func() { s.tick(ctx, f.Name, schedule, every) })
			}
		}
	}
	return nil
}

func (s *Stack) tick(ctx context.Context, function string, schedule infra.Schedule, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case at := <-t.C:
			// Not tried again as on AWS: the next tick comes soon enough, and a
			// failure should be seen as one.
			r, err := s.Invoke(ctx, function, input(schedule, at))
			if err == nil && r.Failed {
				err = fmt.Errorf("%.300s", r.Payload)
			}
			if err != nil && ctx.Err() == nil {
				s.logf("the schedule %s of %s failed: %v", schedule.Name, function, err)
			}
		}
	}
}

// rate reads an expression such as rate(5 minutes); ok is false for one of
// another kind.
func rate(expression string) (every time.Duration, ok bool, err error) {
	inner, ok := strings.CutPrefix(expression, "rate(")
	if !ok {
		return 0, false, nil
	}
	number, unit, _ := strings.Cut(strings.TrimSuffix(inner, ")"), " ")
	n, err := strconv.Atoi(number)
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}
	size := units[strings.TrimSuffix(unit, "s")]
	if err != nil || n < 1 || size == 0 {
		return 0, false, fmt.Errorf("%q is no rate", expression)
	}
	return time.Duration(n) * size, true, nil
}
