package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"safekeep/shared/password/strength"
	"safekeep/shared/password/strength/strengthtest"
)

// vectors are passwords with the reference's answers.
const vectors = "shared/password/strength/testdata/zxcvbn-4.4.2.json"

// openAssess measures the scoring of all passwords of the vectors beside npm's
// zxcvbn on Node, the reference.
func openAssess(ctx context.Context, b *bench) (pair, error) {
	if err := b.prepare(ctx); err != nil {
		return pair{}, err
	}
	path := filepath.Join(b.root, vectors)
	text, err := os.ReadFile(path)
	if err != nil {
		return pair{}, err
	}
	var all []struct{ PW string }
	if err := json.Unmarshal(text, &all); err != nil {
		return pair{}, fmt.Errorf("reading %s: %w", vectors, err)
	}
	reference, err := b.reference(ctx, path)
	if err != nil {
		return pair{}, err
	}
	meter, year := strength.NewMeter(), time.Now().Year()
	began := time.Now()
	meter.Estimate("", nil, year)
	first := time.Since(began)
	return pair{
		ours: func(context.Context) (time.Duration, error) {
			began := time.Now()
			for _, v := range all {
				meter.Estimate(v.PW, nil, year)
			}
			return time.Since(began), nil
		},
		floor: reference,
		more: func(t *table, r results) {
			t.line(fmt.Sprintf("  a process reads the word lists once, in %.1f ms", first.Seconds()*1e3))
			t.line(fmt.Sprintf("  a password of the vectors takes %.0f µs, the reference %.0f µs", summarise(r.ours).median/1e3/float64(len(all)), summarise(r.floor).median/1e3/float64(len(all))))
			hostile(t, meter, year)
		},
	}, nil
}

// reference starts Node and returns how to have it judge all passwords once.
func (b *bench) reference(ctx context.Context, path string) (func(context.Context) (time.Duration, error), error) {
	node := exec.CommandContext(ctx, "node", filepath.Join(b.root, "infra/local/cmd/bench/reference.js"), path)
	node.Stderr = os.Stderr
	in, err := node.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := node.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := node.Start(); err != nil {
		return nil, fmt.Errorf("starting Node: %w", err)
	}
	b.closers = append(b.closers, func() {
		_ = in.Close()
		_ = node.Wait()
	})
	lines := bufio.NewScanner(out)
	return func(context.Context) (time.Duration, error) {
		if _, err := fmt.Fprintln(in, "again"); err != nil {
			return 0, err
		}
		if !lines.Scan() {
			return 0, errors.Join(errors.New("node gave no answer"), lines.Err())
		}
		ns, err := strconv.ParseInt(strings.TrimSpace(lines.Text()), 10, 64)
		return time.Duration(ns), err
	}, nil
}

// hostile prints what passwords cost that are made to be dear. Its bar is a time
// and no ratio: 50 ms for 99 of 100.
func hostile(t *table, meter *strength.Meter, year int) {
	var times []time.Duration
	dearest, worst := time.Duration(0), ""
	for range 20 {
		for name, h := range strengthtest.Hostile() {
			began := time.Now()
			meter.Estimate(h.Password, h.Inputs, year)
			took := time.Since(began)
			if times = append(times, took); took > dearest {
				dearest, worst = took, name
			}
		}
	}
	slices.Sort(times)
	p99 := times[len(times)*99/100].Seconds() * 1e3
	t.line(fmt.Sprintf("  %d hostile ones of 1,024 characters: 99 of 100 take up to %.1f ms (bar 50.0 %s), the dearest %.1f ms (%s)",
		len(times), p99, verdict(p99, 50), dearest.Seconds()*1e3, worst))
}
