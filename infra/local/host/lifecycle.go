package host

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Warm starts one process unless there is one, and returns when it asks for
// work. The error of one that does not holds what it said.
func (f *Function) Warm(ctx context.Context) error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return ErrClosed
	}
	if len(f.instances) == 0 {
		f.lastID++
		i, err := newInstance(f, f.lastID)
		if err != nil {
			f.mu.Unlock()
			return err
		}
		f.instances = append(f.instances, i)
		f.starting++
	}
	i := f.instances[0]
	f.mu.Unlock()

	// Looking again and again is crude, but it happens once in the life of a stack
	// and needs no channel in every instance.
	for {
		i.mu.Lock()
		up, why := i.initialised, i.initError
		i.mu.Unlock()
		if up {
			return nil
		}
		select {
		case <-i.done:
			return fmt.Errorf("%s ended before it asked for work (its output says why) %s", f.config.Name, why)
		case <-ctx.Done():
			return fmt.Errorf("starting %s: %w", f.config.Name, ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}

// Instances are the processes alive now, oldest first.
func (f *Function) Instances() []*Instance {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.instances)
}

// Invocations is the number of invocations so far.
func (f *Function) Invocations() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.served
}

// Kill kills every process of the function with SIGKILL and returns when they
// are gone. Invocations on the way fail; the next one starts cold.
func (f *Function) Kill() {
	for _, i := range f.Instances() {
		i.Kill()
	}
}

// Close ends every process. Invocations on the way fail.
func (f *Function) Close() {
	f.mu.Lock()
	f.closed = true // from here on no process is started
	f.mu.Unlock()
	f.Kill()

	// What the killed processes had not seen yet went back to the queue.
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.waiting) > 0 {
		f.failFirst(failure("Runtime.Closed", ErrClosed.Error()))
	}
}
