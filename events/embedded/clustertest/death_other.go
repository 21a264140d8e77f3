//go:build !linux

package clustertest

import "syscall"

// dieWithParent asks for nothing where the kernel has no such signal: a server
// then ends with its standard input, unless it is paused.
func dieWithParent() *syscall.SysProcAttr { return nil }
