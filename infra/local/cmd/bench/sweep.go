package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"safekeep/infra/local"
	"safekeep/infra/local/faults"
)

// The stacks of the sweep. The second one's function reads the tables of the
// first one: a second set would take as long to store and as much memory again.
const (
	sweepStack = "sweep"
	sweepFloor = "sweep-floor"
)

// sweepBar is that of the design, at least 0.7 of the speed of the floor.
const sweepBar = 1 / 0.7

// sweepRows measure the daily sweep on a day on which nothing changes, over 10 and
// then 100 tokens in every workspace. The round in which the requests are compared
// warms up, too.
func sweepRows(workspaces int) []row {
	f := &fleet{workspaces: workspaces, now: time.Now().UTC().Truncate(day)}
	return []row{
		{fmt.Sprintf("sweep/%d", 10*workspaces), sweepBar, 5, 1, f.open(10, 200*day)},
		{fmt.Sprintf("sweep/%d", 100*workspaces), sweepBar, 3, 0, f.open(100, 100*day)},
	}
}

// open stores the tokens and has them swept as they would have been long ago:
// once to warn, eight days later to remind, and two months after that, when a
// sweep no longer looks back at either, there is nothing to read or write beside.
func (f *fleet) open(each int, ago time.Duration) func(context.Context, *bench) (pair, error) {
	return func(ctx context.Context, b *bench) (pair, error) {
		ours, floor := &sweeper{fleet: f}, &sweeper{fleet: f}
		var err error
		if ours.stack, err = b.stack(ctx, sweepStack); err != nil {
			return pair{}, err
		}
		if floor.stack, err = b.stack(ctx, sweepFloor); err != nil {
			return pair{}, err
		}
		ours.stack.Faults.Set(passAll)
		floor.stack.Faults.Set(passAll)
		odd, err := f.load(ctx, ours.stack.DynamoDB, each)
		if err != nil {
			return pair{}, err
		}
		first := f.now.Add(-ago)
		for _, at := range []time.Time{first, first.Add(8 * day)} {
			if _, err := ours.sweep(ctx, at, odd); err != nil {
				return pair{}, err
			}
		}
		ours.at, floor.at = first.Add(68*day), first.Add(68*day)
		if err := sameRequests(ctx, ours, floor); err != nil {
			return pair{}, err
		}
		return pair{
			ours: ours.steady, floor: floor.steady,
			more: func(t *table, res results) { f.compare(t, costs{ours.cost(res.ours), floor.cost(res.floor)}) },
		}, nil
	}
}

// passAll has the proxy read every request to its end before it passes it on.
// Without a rule the request streams through, and once in some hundred thousand
// calls the proxy's server closes it a moment before the proxy's client has seen
// its end, which costs the answer: too often for a run of a million tokens.
func passAll(faults.Call) faults.Action { return faults.Pass }

// A sweeper is one side.
type sweeper struct {
	fleet *fleet
	stack *local.Stack
	at    time.Time // of the measured runs: the same day again and again
	used  []usage   // of the steady runs, one by one
}

// swept is what a run says that it did. The floor counts workspaces and tokens.
type swept struct{ Workspaces, Failed, Tokens, Findings, Digests int }

// sweep runs one sweep in a fresh process, as it is when it runs once a day, and
// holds what it says against what there is.
func (s *sweeper) sweep(ctx context.Context, at time.Time, findings int) (time.Duration, error) {
	event, err := json.Marshal(map[string]any{"scheduled": at, "segment": 0, "segments": 1})
	if err != nil {
		return 0, err
	}
	s.stack.Kill("sweep")
	s.stack.Faults.Forget()
	r, err := s.stack.Invoke(ctx, "sweep", event)
	if err != nil {
		return 0, err
	}
	var got swept
	if err := json.Unmarshal(r.Payload, &got); err != nil || r.Failed {
		return 0, fmt.Errorf("the sweep answered %.300s", r.Payload)
	}
	digests := got.Digests // as many as the findings are spread over
	if findings == 0 {
		digests = 0
	}
	if want := (swept{s.fleet.workspaces, 0, s.fleet.tokens(), findings, digests}); got != want {
		return 0, fmt.Errorf("the sweep says %+v and should say %+v", got, want)
	}
	return r.Took, nil
}

// steady runs a sweep that finds nothing new. It may only read.
func (s *sweeper) steady(ctx context.Context) (time.Duration, error) {
	took, err := s.sweep(ctx, s.at, 0)
	if err != nil {
		return 0, err
	}
	for call, n := range s.stack.Faults.Count("sweep") {
		if call != faults.DynamoDB+".Scan" && call != faults.DynamoDB+".Query" {
			return 0, fmt.Errorf("the sweep called %s %d times, on a day on which nothing changes", call, n)
		}
	}
	used, err := usageOf(s.stack.Function("sweep").Instances())
	s.used = append(s.used, used)
	return took, err
}

// sameRequests runs both sides once and says which requests only one of them
// made: a floor that asks less, or something else, would not be one.
func sameRequests(ctx context.Context, ours, floor *sweeper) error {
	real, err := ours.requests(ctx)
	if err != nil {
		return err
	}
	bare, err := floor.requests(ctx)
	if err != nil {
		return fmt.Errorf("the floor: %w", err)
	}
	for text := range real {
		if !bare[text] {
			return fmt.Errorf("the floor does not ask what ours asks: %s", text)
		}
	}
	for text := range bare {
		if !real[text] {
			return fmt.Errorf("the floor asks what ours does not ask: %s", text)
		}
	}
	return nil
}

// requests are what a steady run sends, each written in one way: the SDK writes
// fields in any order.
func (s *sweeper) requests(ctx context.Context) (map[string]bool, error) {
	var mu sync.Mutex
	asked := make(map[string]bool)
	s.stack.Faults.Set(func(c faults.Call) faults.Action {
		var body any
		_ = json.Unmarshal(c.Body, &body) // the engine refuses what is no JSON
		text, _ := json.Marshal(body)
		mu.Lock()
		defer mu.Unlock()
		asked[c.Operation+" "+string(text)] = true
		return faults.Pass
	})
	defer s.stack.Faults.Set(passAll)
	_, err := s.steady(ctx)
	return asked, err
}
