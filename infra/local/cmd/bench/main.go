// Command bench measures what Safekeep adds to the work that it cannot avoid:
// each flow runs beside a bare program (infra/local/floor) that makes only the
// calls that have to be made, with the same libraries, under the same host and
// on the same engine, by turns in one run. `make bench` starts it.
//
//	-run          regular expression; only the rows whose names it matches
//	-rounds       rounds of every row; 0 leaves each row its own number
//	-sweep        the rows of the daily sweep instead, which take minutes
//	-workspaces   how many workspaces are swept, with 10 and then 100 tokens each
//
// `make bench-sweep` starts it with -sweep.
//
// A row over its bar is printed as "over". The exit code is 1 only when a row
// could not be measured, or when what was measured did not do its work.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
)

func main() {
	pattern := flag.String("run", "", "measure only the rows whose names match this regular expression")
	rounds := flag.Int("rounds", 0, "rounds of every row; 0 leaves each row its own number")
	sweep := flag.Bool("sweep", false, "measure the daily sweep instead, which takes minutes")
	workspaces := flag.Int("workspaces", 10_000, "how many workspaces are swept, with 10 and then 100 tokens each")
	flag.Parse()
	measured := rows
	if *sweep {
		measured = sweepRows(*workspaces)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Stdout, measured, *pattern, *rounds)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, rows []row, pattern string, rounds int) error {
	wanted, err := regexp.Compile(pattern)
	if err != nil {
		return fmt.Errorf("reading -run: %w", err)
	}
	b := &bench{}
	defer b.close()
	t := newTable(out)
	var errs []error
	for _, r := range rows {
		if !wanted.MatchString(r.name) || ctx.Err() != nil {
			continue
		}
		if rounds > 0 {
			r.rounds = rounds
		}
		res, err := b.measure(ctx, r)
		if err != nil {
			// What the functions printed last says more than the error.
			_, _ = fmt.Fprintf(os.Stderr, "%s", b.log.last())
			errs = append(errs, fmt.Errorf("measuring %s: %w", r.name, err))
			continue
		}
		t.add(r, res)
		if res.more != nil {
			res.more(t, res)
		}
	}
	return errors.Join(append(errs, t.finish(), ctx.Err())...)
}
