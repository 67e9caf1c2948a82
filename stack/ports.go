package stack

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"time"
)

// The ports tried by [FreeAddr] lie below the range from which systems take ports for outgoing
// connections: a port from that range could be gone while a part restarts.
const firstPort, lastPort = 15000, 32000

// FreeAddr returns host:port with a port nobody listens on.
func FreeAddr(host string) (string, error) {
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		addr := net.JoinHostPort(host, strconv.Itoa(port))
		if isFree(addr) == nil {
			return addr, nil
		}
	}
	return "", fmt.Errorf("no free port on %s between %d and %d", host, firstPort, lastPort)
}

func (a *Addrs) chooseFreePorts() error {
	used := map[string]bool{}
	for _, v := range a.each() {
		host, port, err := net.SplitHostPort(*v.addr)
		if err != nil {
			return fmt.Errorf("%s must be host:port: %w", v.name, err)
		}
		for port == "0" {
			addr, err := FreeAddr(host)
			if err != nil {
				return err
			}
			if !used[addr] {
				*v.addr = addr
				break
			}
		}
		if used[*v.addr] {
			return fmt.Errorf("%s: %s is given to two parts", v.name, *v.addr)
		}
		used[*v.addr] = true
	}
	return nil
}

func isFree(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return l.Close()
}

// waitFree waits a moment for addr, because the parts of a supervisor that was just killed need
// one to go, and then says in plain words that somebody else has it.
func waitFree(ctx context.Context, v addrVar, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := isFree(*v.addr)
		if err == nil {
			return nil
		}
		if !pause(ctx, 100*time.Millisecond) {
			return fmt.Errorf("cannot listen on %s (%w): stop the program that uses it or set %s", *v.addr, err, v.name)
		}
	}
}

// pause waits for d and reports false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// urlOf is the address at which this machine reaches a listener.
func urlOf(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "http://" + addr
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
