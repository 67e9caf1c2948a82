//go:build !linux

package main

import "syscall"

// dieWithParent has no counterpart here: after kill -9 the next start stops the server left behind.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
