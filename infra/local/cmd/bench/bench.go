package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"

	"safekeep/infra"
	"safekeep/infra/dynamodblocal"
	"safekeep/infra/local"
)

// A bench holds what the rows share. All stacks use one engine, so that its
// warmth, its garbage and its tables in memory weigh on all sides alike; each has
// an access key of its own there, and with it its own tables. The host and the
// fault proxy are in this process for all of them.
type bench struct {
	root   string
	dir    string // where the programs are built
	engine *dynamodblocal.Server
	stacks map[string]*local.Stack
	log    tail // of all stacks
	// closers end what else a row has started.
	closers []func()
}

// stack returns the running stack of that name. It is started on first use.
func (b *bench) stack(ctx context.Context, name string) (_ *local.Stack, err error) {
	if s := b.stacks[name]; s != nil {
		return s, nil
	}
	if err := b.prepare(ctx); err != nil {
		return nil, err
	}
	o := local.Options{
		Root: b.root, DynamoDB: b.engine.Endpoint, Log: &b.log,
		// With one instance a warm process is the one that was warmed up.
		Functions: slices.Sorted(maps.Keys(programs[name])), Instances: 1,
		// Nothing may work on the side while something is timed.
		NoPump: true, NoTicks: true, NoSeed: true, NoWarm: true,
	}
	if o.Bootstraps, err = b.build(ctx, programs[name]); err != nil {
		return nil, err
	}
	switch name {
	case "hello":
		o.Env, err = b.answers(ctx)
	case sweepFloor:
		o.Env, err = b.sameTables(ctx, sweepStack)
	}
	if err != nil {
		return nil, err
	}
	s, err := local.Start(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("starting the stack of %s: %w", name, err)
	}
	b.stacks[name] = s
	return s, nil
}

// sameTables returns the environment by which function sweep sees the tables of
// another stack than its own.
func (b *bench) sameTables(ctx context.Context, stack string) (map[string]map[string]string, error) {
	s, err := b.stack(ctx, stack)
	if err != nil {
		return nil, err
	}
	key, err := s.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding the tables of the stack of %s: %w", stack, err)
	}
	return map[string]map[string]string{"sweep": {"AWS_ACCESS_KEY_ID": key.AccessKeyID}}, nil
}

// prepare finds or makes what all stacks need.
func (b *bench) prepare(ctx context.Context) (err error) {
	if b.stacks != nil {
		return nil
	}
	if b.root, err = infra.Root(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "safekeep-bench-"); err != nil {
		return fmt.Errorf("making a folder for the programs: %w", err)
	}
	if b.engine, err = dynamodblocal.Open(ctx, dynamodblocal.Options{Root: b.root, Log: &b.log}); err != nil {
		return err
	}
	b.stacks = make(map[string]*local.Stack)
	return nil
}

// close ends what was started. It also follows a failed prepare.
func (b *bench) close() {
	for _, end := range b.closers {
		end()
	}
	for _, s := range b.stacks {
		_ = s.Close() // tables that stay behind end with the engine
	}
	if b.engine != nil {
		b.engine.Close()
	}
	if b.dir != "" {
		_ = os.RemoveAll(b.dir)
	}
}
