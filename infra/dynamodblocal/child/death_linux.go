package child

import "syscall"

// dieWithParent asks the kernel to kill the child when its parent is gone.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
