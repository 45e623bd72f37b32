// Package child starts processes that do not outlive the program that started
// them: not when it is stopped, not when it crashes, not when it is killed.
//
// On Linux the kernel sees to that (PR_SET_PDEATHSIG). Elsewhere a child is
// ended by whoever started it, and survives only a SIGKILL of its parent.
package child

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// Start starts cmd in a process group of its own, so that a Ctrl-C on the
// terminal reaches the parent alone and the parent ends its children in order.
// The caller waits for cmd as usual.
func Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	dieWithParent(cmd.SysProcAttr)
	return nursery().start(cmd)
}

// A thread starts every child from one operating-system thread. The kernel's
// "parent" of PR_SET_PDEATHSIG is the thread that forked, not the process: a
// child of an ordinary goroutine would be killed whenever the Go runtime
// retires the thread the goroutine happened to run on.
type thread struct{ orders chan order }

type order struct {
	cmd  *exec.Cmd
	done chan error
}

var nursery = sync.OnceValue(func() *thread {
	t := &thread{orders: make(chan order)}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread lives as long as the program
		for o := range t.orders {
			o.done <- o.cmd.Start()
		}
	}()
	return t
})

func (t *thread) start(cmd *exec.Cmd) error {
	done := make(chan error)
	t.orders <- order{cmd, done}
	return <-done
}
