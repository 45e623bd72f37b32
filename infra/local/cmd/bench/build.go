package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"safekeep/infra/local"
)

// programs are what the stacks run, by stack and function: folders of packages
// from the repository's root. Each hello has the SDK clients of its function.
var programs = map[string]map[string]string{
	"ours": {
		"alerts": "functions/alerts", "authorizer": "functions/authorizer", "connect": "functions/connect", "credentials": "functions/credentials",
		"introspect": "functions/introspect", "mfa": "functions/mfa", "notify": "functions/notify", "passwords": "functions/passwords", "rotate": "functions/rotate",
		"sweep": "functions/sweep", "tokens": "functions/tokens", "workspaces": "functions/workspaces",
	},
	"floor": {
		"alerts": "infra/local/floor/alerts", "introspect": "infra/local/floor/introspect", "connect": "infra/local/floor/connect",
		"mfa": "infra/local/floor/mfa",
		// These set the scene.
		"credentials": "functions/credentials", "workspaces": "functions/workspaces",
	},
	"hello": {
		"alerts": "infra/local/floor/hello/alerts", "notify": "infra/local/floor/hello/notify", "sweep": "infra/local/floor/hello/sweep",
		"passwords": "infra/local/floor/hello/passwords", "mfa": "infra/local/floor/hello/mfa",
		"connect": "infra/local/floor/hello/vault", "credentials": "infra/local/floor/hello/vault", "rotate": "infra/local/floor/hello/vault",
		"authorizer": "infra/local/floor/hello/api",
		"introspect": "infra/local/floor/hello/api", "tokens": "infra/local/floor/hello/api", "workspaces": "infra/local/floor/hello/api",
	},
	sweepStack: {"sweep": "functions/sweep"},
	sweepFloor: {"sweep": "infra/local/floor/sweep"},
}

// build compiles packages with the shipping flags and returns the programs by
// function. All sides are built here, ours too, so that none is built by another
// rule or at another time.
func (b *bench) build(ctx context.Context, packages map[string]string) (map[string]string, error) {
	paths := make(map[string]string, len(packages))
	for function, folder := range packages {
		path := b.path(folder)
		cmd := exec.CommandContext(ctx, "go", "build", "-o", path, ".")
		cmd.Dir = filepath.Join(b.root, folder)
		cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
			return strings.HasPrefix(v, "GOFLAGS=")
		}), "CGO_ENABLED=0", "GOFLAGS="+local.ShippingFlags, "GOWORK=off")
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

// path is where the program of a package is put. Functions that share a package
// share the program.
func (b *bench) path(folder string) string {
	return filepath.Join(b.dir, strings.ReplaceAll(folder, "/", "-"))
}
