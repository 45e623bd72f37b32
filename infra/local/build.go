package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// ShippingFlags are those of the Makefile, with which SAM builds. They are set
// here and not taken from the environment: a program with symbols or with C in
// it is another size and starts later.
const ShippingFlags = "-tags=lambda.norpc -trimpath -ldflags=-s -buildvcs=false"

// built remembers what this process has built: its stacks share the programs.
var built sync.Map // root and names to func() error

// build compiles the functions that are not replaced, exactly as they ship but
// for this machine's system and processor, into .build/<name>/bootstrap. What is
// up to date is left alone.
func (s *Stack) build(ctx context.Context) error {
	var names []string
	for _, f := range s.Template.Functions {
		if s.options.Bootstraps[f.Name] == "" {
			names = append(names, f.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	root := s.options.Root
	key := root + " " + strings.Join(names, " ")
	known, _ := built.LoadOrStore(key, sync.OnceValue(func() error { return compile(ctx, root, names) }))
	err := known.(func() error)()
	if err != nil {
		built.Delete(key) // the next stack tries again
	}
	return err
}

func (s *Stack) bootstrap(name string) string {
	if path := s.options.Bootstraps[name]; path != "" {
		return path
	}
	return filepath.Join(s.options.Root, ".build", name, "bootstrap")
}

func compile(ctx context.Context, root string, names []string) error {
	// Test binaries build at the same time; one at a time may write.
	out := filepath.Join(root, ".build")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("building the functions: %w", err)
	}
	lock, err := os.Create(filepath.Join(out, ".lock"))
	if err != nil {
		return fmt.Errorf("building the functions: %w", err)
	}
	defer lock.Close() // which unlocks
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("building the functions: %w", err)
	}

	// One call shares the work, and leaves alone what is in the folder already
	// and up to date. It names programs after their folders; Lambda wants each to
	// be called bootstrap, in a folder of its own.
	bin := filepath.Join(out, "bin")
	args := []string{"build", "-o", bin + string(filepath.Separator)}
	for _, name := range names {
		args = append(args, "./functions/"+name)
	}
	// The developer's own GOFLAGS would build something else than what ships, and
	// compile everything a second time.
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "GOFLAGS=")
	}), "CGO_ENABLED=0", "GOFLAGS="+ShippingFlags, "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH, "GOWORK=off")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the functions: %w\n%s", err, output)
	}
	for _, name := range names {
		if err := publish(filepath.Join(bin, name), filepath.Join(out, name)); err != nil {
			return fmt.Errorf("building %s: %w", name, err)
		}
	}
	return nil
}

// publish makes a program known as dir/bootstrap. It replaces the name and not
// the file: a stack elsewhere may be running the old one.
func publish(program, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	to := filepath.Join(dir, "bootstrap")
	from, err := os.Stat(program)
	if err != nil {
		return err
	}
	if old, err := os.Stat(to); err == nil && os.SameFile(from, old) {
		return nil
	}
	next := to + ".new"
	_ = os.Remove(next) // left by a build that was interrupted
	if err := os.Link(program, next); err != nil {
		return err
	}
	return os.Rename(next, to)
}
