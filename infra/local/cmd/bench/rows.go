package main

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// A row is one flow that is measured.
type row struct {
	name string
	// bar is the ratio of ours to the floor that is still good.
	bar float64
	// rounds is how many times each side runs, after warmup rounds that do not
	// count.
	rounds, warmup int
	open           func(context.Context, *bench) (pair, error)
}

// A pair is the two sides of a row. Each call sets the scene, times one run,
// checks what it did and leaves no trace that a later run would feel.
type pair struct {
	ours, floor func(context.Context) (time.Duration, error)
	// more prints what there is to say beside the times; nil when that is nothing.
	more func(*table, results)
}

// rows are measured in this order. The bars are those of the design: a quarter
// more than what cannot be avoided.
//
// Fewer rounds of a large batch say as much: one run of it is a mean of many
// transactions already. The engine is slow for its first seconds, until Java has
// compiled it, so the first rows warm up longest.
var rows = []row{
	{"alert-batch/1", 1.25, 200, 40, openBatch(1, 1)},
	{"alert-batch/100", 1.25, 40, 8, openBatch(100, 10)},
	{"alert-batch/1000", 1.25, 11, 2, openBatch(1000, 50)},
	{"introspect/known", 1.15, 400, 100, openIntrospect(true)},
	{"introspect/unknown", 1.15, 400, 100, openIntrospect(false)},
	{"open-credential", 1.25, 200, 50, openCredential("/credentials/open")},
	{"open-session", 1.25, 200, 50, openCredential("/credentials/session")},
	{"verify/totp", 1.25, 200, 50, openVerify},
	{"assess/zxcvbn-js", 0.5, 20, 4, openAssess}, // half the time of npm's own
	{"cold-start/alerts", 1.25, 60, 5, openCold("alerts")},
	{"cold-start/authorizer", 1.25, 60, 5, openCold("authorizer")},
	{"cold-start/connect", 1.25, 60, 5, openCold("connect")},
	{"cold-start/credentials", 1.25, 60, 5, openCold("credentials")},
	{"cold-start/introspect", 1.25, 60, 5, openCold("introspect")},
	{"cold-start/mfa", 1.25, 60, 5, openCold("mfa")},
	{"cold-start/notify", 1.25, 60, 5, openCold("notify")},
	{"cold-start/passwords", 1.25, 60, 5, openCold("passwords")},
	{"cold-start/rotate", 1.25, 60, 5, openCold("rotate")},
	{"cold-start/sweep", 1.25, 60, 5, openCold("sweep")},
	{"cold-start/tokens", 1.25, 60, 5, openCold("tokens")},
	{"cold-start/workspaces", 1.25, 60, 5, openCold("workspaces")},
}

// results are the times of both sides; those of one index were taken one right
// after the other.
type results struct {
	ours, floor []time.Duration
	more        func(*table, results) // the pair's
}

// measure runs both sides by turns, so that whatever else the machine does
// meets both alike. Each always follows the other, so neither is favoured by what
// the one before it left in the caches.
func (b *bench) measure(ctx context.Context, r row) (results, error) {
	p, err := r.open(ctx, b)
	if err != nil {
		return results{}, err
	}
	res := results{more: p.more}
	for n := range r.warmup + r.rounds { // the first ones are dropped below
		ours, err := timed(ctx, p.ours)
		if err != nil {
			return results{}, fmt.Errorf("ours, round %d: %w", n+1, err)
		}
		floor, err := timed(ctx, p.floor)
		if err != nil {
			return results{}, fmt.Errorf("the floor, round %d: %w", n+1, err)
		}
		if n >= r.warmup {
			res.ours, res.floor = append(res.ours, ours), append(res.floor, floor)
		}
	}
	return res, nil
}

// timed runs one side once.
func timed(ctx context.Context, run func(context.Context) (time.Duration, error)) (time.Duration, error) {
	// Host, proxy and seeding live in this process. What one run leaves to be
	// collected must not be collected during the next.
	runtime.GC()
	return run(ctx)
}
