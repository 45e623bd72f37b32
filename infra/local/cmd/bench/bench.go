package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"safekeep/infra"
	"safekeep/infra/dynamodblocal"
	"safekeep/infra/local"
)

// shippingFlags are those of the Makefile, with which the functions are built.
const shippingFlags = "-tags=lambda.norpc -trimpath -ldflags=-s -buildvcs=false"

// functions are those that are measured.
var functions = []string{"alerts", "introspect", "notify", "tokens", "workspaces"}

// floors are the programs under infra/local/floor, by the functions they play.
var floors = map[string]string{"alerts": "alerts"}

// hellos are those whose cold start is measured.
var hellos = map[string]string{
	"alerts": "hello/alerts", "notify": "hello/notify",
	"introspect": "hello/api", "tokens": "hello/api", "workspaces": "hello/api",
}

// A bench holds what the rows share. Each stack has its own tables, and both
// the host and the fault proxy are the same on all sides.
type bench struct {
	root   string
	dir    string // where the floors are built
	engine *dynamodblocal.Server
	stacks map[string]*local.Stack
	log    tail
}

// stack returns the running stack called "ours", or "floor" or "hello", which
// have programs in place of the functions. It is started on first use.
func (b *bench) stack(ctx context.Context, name string) (*local.Stack, error) {
	if s := b.stacks[name]; s != nil {
		return s, nil
	}
	if err := b.prepare(ctx); err != nil {
		return nil, err
	}
	o := local.Options{
		Root: b.root, DynamoDB: b.engine.Endpoint, Log: &b.log,
		Functions: functions, Instances: 1,
		// Nothing may work on the side while something is timed.
		NoPump: true, NoTicks: true, NoSeed: true, NoWarm: true,
	}
	var err error
	switch name {
	case "floor":
		o.Functions = []string{"alerts"}
		o.Bootstraps, err = b.build(ctx, floors)
	case "hello":
		if o.Bootstraps, err = b.build(ctx, hellos); err == nil {
			o.Env, err = b.answers(ctx)
		}
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

// prepare finds or makes what all stacks need.
func (b *bench) prepare(ctx context.Context) (err error) {
	if b.stacks != nil {
		return nil
	}
	if b.root, err = infra.Root(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "safekeep-bench-"); err != nil {
		return fmt.Errorf("making a folder for the floors: %w", err)
	}
	if b.engine, err = dynamodblocal.Open(ctx, dynamodblocal.Options{Root: b.root, Log: &b.log}); err != nil {
		return err
	}
	b.stacks = make(map[string]*local.Stack)
	return nil
}

// build compiles floors as the functions are compiled and returns the programs
// by function.
func (b *bench) build(ctx context.Context, of map[string]string) (map[string]string, error) {
	programs := make(map[string]string, len(of))
	for function, folder := range of {
		path := filepath.Join(b.dir, strings.ReplaceAll(folder, "/", "-"))
		cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./floor/"+folder)
		cmd.Dir = filepath.Join(b.root, "infra", "local")
		cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
			return strings.HasPrefix(v, "GOFLAGS=")
		}), "CGO_ENABLED=0", "GOFLAGS="+shippingFlags, "GOWORK=off")
		if output, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building the floor of %s: %w\n%s", function, err, output)
		}
		programs[function] = path
	}
	return programs, nil
}

func (b *bench) close() {
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

// tail keeps the end of what was written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// tailSize is how much is kept, in bytes.
const tailSize = 2 << 10

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) last() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.text)
}
