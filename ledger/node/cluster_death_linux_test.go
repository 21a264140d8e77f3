package node

import "syscall"

// dieWithParent has the kernel kill a node, even a paused one, when the test's
// process is gone.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
