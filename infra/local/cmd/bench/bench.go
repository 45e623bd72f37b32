package main

import (
	"context"
	"fmt"
	"maps"
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

// programs are what the stacks run, by stack and function: folders of packages
// from the repository's root. Each hello has the SDK clients of its function.
var programs = map[string]map[string]string{
	"ours": {
		"alerts": "functions/alerts", "introspect": "functions/introspect", "notify": "functions/notify",
		"tokens": "functions/tokens", "workspaces": "functions/workspaces",
	},
	"floor": {"alerts": "infra/local/floor/alerts"},
	"hello": {
		"alerts": "infra/local/floor/hello/alerts", "notify": "infra/local/floor/hello/notify",
		"introspect": "infra/local/floor/hello/api", "tokens": "infra/local/floor/hello/api", "workspaces": "infra/local/floor/hello/api",
	},
}

// A bench holds what the rows share. Each stack has its own tables, and both
// the host and the fault proxy are the same on all sides.
type bench struct {
	root   string
	dir    string // where the programs are built
	engine *dynamodblocal.Server
	stacks map[string]*local.Stack
	log    tail
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
		Functions: slices.Sorted(maps.Keys(programs[name])), Instances: 1,
		// Nothing may work on the side while something is timed.
		NoPump: true, NoTicks: true, NoSeed: true, NoWarm: true,
	}
	if o.Bootstraps, err = b.build(ctx, programs[name]); err != nil {
		return nil, err
	}
	if name == "hello" {
		if o.Env, err = b.answers(ctx); err != nil {
			return nil, err
		}
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
		return fmt.Errorf("making a folder for the programs: %w", err)
	}
	if b.engine, err = dynamodblocal.Open(ctx, dynamodblocal.Options{Root: b.root, Log: &b.log}); err != nil {
		return err
	}
	b.stacks = make(map[string]*local.Stack)
	return nil
}

// build compiles packages with the shipping flags and returns the programs by
// function.
func (b *bench) build(ctx context.Context, packages map[string]string) (map[string]string, error) {
	paths := make(map[string]string, len(packages))
	for function, folder := range packages {
		path := b.path(folder)
		cmd := exec.CommandContext(ctx, "go", "build", "-o", path, ".")
		cmd.Dir = filepath.Join(b.root, folder)
		cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
			return strings.HasPrefix(v, "GOFLAGS=")
		}), "CGO_ENABLED=0", "GOFLAGS="+shippingFlags, "GOWORK=off")
		if output, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building %s: %w\n%s", folder, err, output)
		}
		paths[function] = path
	}
	return paths, nil
}

// relay writes the program of a function anew, on both sides of a cold start.
// How a program's pages came into the kernel's cache decides how fast it starts:
// as the linker wrote them or as they came back from the disk, it takes up to
// 15 % longer than as one fresh copy.
func (b *bench) relay(function string) error {
	for _, stack := range []string{"ours", "hello"} {
		b.stacks[stack].Kill(function) // a running program cannot be replaced
		path := b.path(programs[stack][function])
		program, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path+".new", program, 0o755)
		}
		if err == nil {
			err = os.Rename(path+".new", path)
		}
		if err != nil {
			return fmt.Errorf("copying %s: %w", path, err)
		}
	}
	return nil
}

// path is where the program of a package is put.
func (b *bench) path(folder string) string {
	return filepath.Join(b.dir, strings.ReplaceAll(folder, "/", "-"))
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
