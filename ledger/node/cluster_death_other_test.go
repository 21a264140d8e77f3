//go:build !linux

package node

import "syscall"

// dieWithParent has nothing to offer here: the end of standard input ends a node.
func dieWithParent() *syscall.SysProcAttr { return nil }
