//go:build unix && !linux

package stack

import "syscall"

// sysProcAttr puts a child into its own process group. These systems cannot end the children of a
// killed supervisor; a stopped or interrupted one ends them everywhere.
func sysProcAttr(syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
