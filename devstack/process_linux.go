package main

import "syscall"

// dieWithParent makes the kernel send sig to the child when devstack is gone, however it went.
func dieWithParent(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }
