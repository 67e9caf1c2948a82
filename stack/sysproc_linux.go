package stack

import "syscall"

// sysProcAttr puts a child into its own process group, so that Ctrl-C in the terminal reaches only
// the supervisor, and has the kernel send it orphan when the supervisor dies.
func sysProcAttr(orphan syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: orphan}
}
