package host

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"safekeep/infra/dynamodblocal/child"
)

// initPatience is how long a process may take to ask for work. Lambda gives
// 10 s; a machine that compiles with all its cores is given more.
const initPatience = 30 * time.Second

// An Instance is one process of a function. It answers one invocation at a time.
type Instance struct {
	function *Function
	id       int
	cmd      *exec.Cmd
	pid      atomic.Int64
	api      net.Listener
	started  time.Time
	done     chan struct{}    // closed when the process is gone and its output read
	inbox    chan *invocation // of one: what was assigned and not yet asked for

	// Guarded by function.mu.
	gone bool

	mu          sync.Mutex
	initialised bool
	init        time.Duration
	current     *invocation
	answered    int
	overdue     bool
	dead        bool
	initError   []byte
	alarm       *time.Timer
}

// newInstance starts a process. The caller holds f.mu.
func newInstance(f *Function, id int) (*Instance, error) {
	api, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening a Runtime API for %s: %w", f.config.Name, err)
	}
	i := &Instance{
		function: f, id: id, api: api,
		started: time.Now(),
		done:    make(chan struct{}),
		inbox:   make(chan *invocation, 1),
	}
	// Both outputs go through one writer, so exec reads them through one pipe and
	// their lines keep their order. Wait returns when all of it is read: whoever
	// hears that a process ended finds its last words in the log.
	out := &lines{to: f.config.Log, prefix: "[" + f.config.Name + "] "}
	i.cmd = exec.Command(f.config.Bootstrap)
	i.cmd.Env = i.environment()
	i.cmd.Stdout, i.cmd.Stderr = out, out
	i.alarm = time.AfterFunc(initPatience, func() { i.overrun(nil) })
	if err := child.Start(i.cmd); err != nil {
		i.alarm.Stop()
		_ = api.Close()
		return nil, fmt.Errorf("starting %s: %w", f.config.Name, err)
	}
	i.pid.Store(int64(i.cmd.Process.Pid))
	server := &http.Server{Handler: i.runtimeAPI(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(api) }()
	go func() {
		err := i.cmd.Wait() // after the last line of output
		out.flush()
		_ = server.Close()
		i.buried(err)
	}()
	return i, nil
}

// Function is the name of the function that the process serves.
func (i *Instance) Function() string { return i.function.config.Name }

// ID numbers the processes of a function from 1; a number is never used again.
func (i *Instance) ID() int { return i.id }

// PID is the process's id, 0 for a moment while it is being started.
func (i *Instance) PID() int { return int(i.pid.Load()) }

// Invocation is the id of the request that the process works on, empty when it
// works on none.
func (i *Instance) Invocation() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.current == nil {
		return ""
	}
	return i.current.id
}

// Answered is the number of invocations it has answered, well or badly.
func (i *Instance) Answered() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.answered
}

// Busy says whether it works on an invocation.
func (i *Instance) Busy() bool { return i.Invocation() != "" }

// Kill kills the process with SIGKILL, so it has no say in how it ends, and
// returns when it is gone.
func (i *Instance) Kill() {
	_ = i.cmd.Process.Kill()
	<-i.done
}

// overrun ends a process whose time for inv is up, or for its start when inv is
// nil. An answer that came at the last moment saves it.
func (i *Instance) overrun(inv *invocation) {
	i.mu.Lock()
	late := i.current == inv && (inv != nil || !i.initialised)
	i.overdue = late
	i.mu.Unlock()
	if late {
		_ = i.cmd.Process.Kill()
	}
}

func (i *Instance) isInitialised() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.initialised
}

// deliver waits for an invocation and makes it the current one. It returns nil
// when gone is closed first.
func (i *Instance) deliver(gone <-chan struct{}) *invocation {
	i.mu.Lock()
	first := !i.initialised
	if first {
		i.initialised = true
		i.init = time.Since(i.started)
		i.alarm.Stop()
	}
	i.mu.Unlock()
	if first {
		i.function.ready(i, true)
	}
	select {
	case inv := <-i.inbox:
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.dead { // it ended while the invocation was on its way to it
			go i.function.retry(inv)
			return nil
		}
		inv.delivered = time.Now()
		i.current = inv
		i.alarm = time.AfterFunc(i.function.config.Timeout, func() { i.overrun(inv) })
		return inv
	case <-gone:
		return nil
	}
}

// answer ends the current invocation. It returns false when id is not its id:
// the answer came too late or from somebody else.
func (i *Instance) answer(id string, payload []byte, failed bool) bool {
	i.mu.Lock()
	inv := i.current
	if inv == nil || inv.id != id || i.overdue {
		i.mu.Unlock()
		return false
	}
	i.alarm.Stop()
	i.current = nil
	i.answered++
	i.mu.Unlock()

	i.function.ready(i, false)
	inv.end(payload, failed)
	return true
}

func (inv *invocation) end(payload []byte, failed bool) {
	inv.result <- Result{
		RequestID: inv.id, Payload: payload, Failed: failed,
		Cold: inv.cold, Init: inv.init, Took: time.Since(inv.delivered),
	}
}

// buried settles what a process left behind when it ended.
func (i *Instance) buried(exit error) {
	reason := "exit status 0"
	if exit != nil {
		reason = exit.Error()
	}
	i.mu.Lock()
	i.dead = true
	i.alarm.Stop()
	inv := i.current
	i.current = nil
	failed := i.initError
	switch {
	case i.overdue && inv != nil:
		failed = failure("Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", inv.id, i.function.config.Timeout.Seconds()))
	case i.overdue:
		failed = failure("Sandbox.Timedout", fmt.Sprintf("the process asked for no work within %s", initPatience))
	case inv != nil:
		failed = failure("Runtime.ExitError", fmt.Sprintf("RequestId: %s Error: Runtime exited with error: %s", inv.id, reason))
	case failed == nil:
		failed = failure("Runtime.ExitError", "Runtime exited before it asked for work: "+reason)
	}
	i.mu.Unlock()

	if i.function.config.Ended != nil {
		i.function.config.Ended(i)
	}
	i.function.ended(i, failed)
	if inv != nil {
		inv.end(failed, true)
	}
	close(i.done)
}

// failure is the answer that stands for a function that gave none.
func failure(kind, message string) []byte {
	b, _ := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{kind, message}) // two strings always marshal
	return b
}
