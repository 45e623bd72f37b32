// Package host runs Lambda bootstraps on this machine, unchanged, as Lambda
// would: each process speaks the Lambda Runtime API to a listener of its own,
// works on one invocation at a time, is joined by more processes when more
// invocations come than there are idle ones, is used again afterwards, and is
// killed when an invocation overruns its timeout.
//
// A [Function] is one deployed function, an [Instance] one process of it. A
// [URL] puts a function on HTTP as its Function URL does.
package host

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// ErrClosed answers invocations of a function whose host has been closed.
var ErrClosed = errors.New("the function's host is closed")

// Config describes a function to run.
type Config struct {
	// Name is the function's name, as in AWS_LAMBDA_FUNCTION_NAME.
	Name string
	// Bootstrap is the path of the program to run.
	Bootstrap string
	// Timeout is what Lambda would be told; an invocation that takes longer
	// costs the process its life. Zero means 3 s, Lambda's default.
	Timeout time.Duration
	// MemoryMB is told to the process; nothing enforces it. Zero means 128.
	MemoryMB int
	// Env is what the process sees on top of what Lambda itself sets. Nothing is
	// inherited from this program. [Backend] in a value is replaced.
	Env map[string]string
	// Instances is the number of processes at most; more invocations than that
	// wait for one (Lambda would refuse them with a 429). Zero means 8.
	Instances int
	// Log takes what the processes print, a line a Write, each beginning with
	// the function's name in brackets. Nil drops it.
	Log io.Writer
	// Backend, when set, gives the base URL that replaces [Backend] in the
	// environment of one instance, so that its calls can be told from others'.
	Backend func(*Instance) string
	// Ended, when set, is told of every process that is gone.
	Ended func(*Instance)
}

// Backend stands in environment values for the base URL under which an instance
// finds its backends.
const Backend = "http://backend.invalid"

// A Result is how an invocation ended.
type Result struct {
	// RequestID is what the function saw as its AWS request id.
	RequestID string
	// Payload is the function's answer or, when Failed, the JSON object
	// {"errorType","errorMessage"} that Lambda would give.
	Payload []byte
	// Failed says that the handler returned an error, panicked, timed out or
	// that its process ended.
	Failed bool
	// Cold says that a process was started for this invocation; Init is then the
	// time from there to its first request for work.
	Cold bool
	Init time.Duration
	// Took is the time from delivery to answer, without any start.
	Took time.Duration
}

// A Function is one function and the processes that serve it. Its methods may be
// called at the same time.
type Function struct {
	config Config

	mu        sync.Mutex
	instances []*Instance // alive, oldest first
	free      []*Instance // may take an invocation; the last used one is last
	waiting   []*invocation
	starting  int
	lastID    int
	served    int
	closed    bool
}

// An invocation is one event on its way to a process and back.
type invocation struct {
	id        string
	payload   []byte
	cold      bool
	init      time.Duration
	delivered time.Time
	result    chan Result // buffered: the caller may have gone
}

// New makes a function. No process is started before the first invocation or
// [Function.Warm].
func New(c Config) *Function {
	if c.Timeout == 0 {
		c.Timeout = 3 * time.Second
	}
	if c.MemoryMB == 0 {
		c.MemoryMB = 128
	}
	if c.Instances == 0 {
		c.Instances = 8
	}
	if c.Log == nil {
		c.Log = io.Discard
	}
	return &Function{config: c}
}

// Name is the function's name.
func (f *Function) Name() string { return f.config.Name }

// Timeout is how long an invocation may take.
func (f *Function) Timeout() time.Duration { return f.config.Timeout }

// Invoke hands the payload to a process and returns its answer. The error is
// about the host or ctx; a function that fails is a [Result] that says so. As on
// Lambda, an invocation runs on when its caller no longer waits.
func (f *Function) Invoke(ctx context.Context, payload []byte) (Result, error) {
	return f.invoke(ctx, newRequestID(), payload)
}

func (f *Function) invoke(ctx context.Context, id string, payload []byte) (Result, error) {
	inv := &invocation{id: id, payload: payload, result: make(chan Result, 1)}
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return Result{}, ErrClosed
	}
	f.served++
	f.waiting = append(f.waiting, inv)
	f.dispatch()
	f.mu.Unlock()

	select {
	case r := <-inv.result:
		return r, nil
	case <-ctx.Done():
		return Result{}, fmt.Errorf("waiting for %s: %w", f.config.Name, ctx.Err())
	}
}

// dispatch gives waiting invocations to free processes, the most recently used
// first as Lambda does, and starts a process for every one that is left as far
// as the limit allows. f.mu is held.
func (f *Function) dispatch() {
	if f.closed {
		return
	}
	for len(f.waiting) > 0 && len(f.free) > 0 {
		i := f.free[len(f.free)-1]
		f.free = f.free[:len(f.free)-1]
		i.inbox <- f.waiting[0] // has room: only a free instance gets one
		f.waiting = f.waiting[1:]
	}
	for f.starting < len(f.waiting) && len(f.instances) < f.config.Instances {
		if !f.start() {
			return
		}
	}
}

// start starts a process. When that is impossible, the invocation it was meant
// for fails. f.mu is held.
func (f *Function) start() bool {
	f.lastID++
	i, err := newInstance(f, f.lastID)
	if err != nil {
		f.failFirst(failure("Runtime.InvalidEntrypoint", err.Error()))
		return false
	}
	f.instances = append(f.instances, i)
	f.starting++
	return true
}

// failFirst ends the invocation that has waited longest. f.mu is held.
func (f *Function) failFirst(payload []byte) {
	if len(f.waiting) == 0 {
		return
	}
	inv := f.waiting[0]
	f.waiting = f.waiting[1:]
	inv.result <- Result{RequestID: inv.id, Payload: payload, Failed: true}
}

// ready makes an instance available: it asked for work for the first time, or
// has just answered. That is a moment before it asks again, so that a caller
// who waits for one answer before the next question never starts a second
// process.
func (f *Function) ready(i *Instance, first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if first {
		f.starting--
		if len(f.waiting) > 0 && !i.gone { // it was started for somebody
			f.waiting[0].cold, f.waiting[0].init = true, i.init
		}
	}
	if !i.gone {
		f.free = append(f.free, i)
	}
	f.dispatch()
}

// retry puts an invocation that no process has seen back to the front.
func (f *Function) retry(inv *invocation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = slices.Insert(f.waiting, 0, inv)
	f.dispatch()
}

// ended takes an instance out when its process is gone. What it held is answered
// with failure or, when the process never saw it, given to another one.
func (f *Function) ended(i *Instance, failed []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i.gone = true
	is := func(other *Instance) bool { return other == i }
	f.instances = slices.DeleteFunc(f.instances, is)
	f.free = slices.DeleteFunc(f.free, is)
	if !i.isInitialised() {
		f.starting--
		f.failFirst(failed)
	}
	select {
	case inv := <-i.inbox:
		f.waiting = slices.Insert(f.waiting, 0, inv)
	default:
	}
	f.dispatch()
}

// newRequestID makes a random UUID, as Lambda's request ids are.
func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // cannot fail
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
