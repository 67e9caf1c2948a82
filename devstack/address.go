package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// resolveAddr checks that addr is a free loopback address and replaces port 0 by a free port.
// Neither server asks for a password, so nothing but loopback is accepted.
func resolveAddr(what, addr string) (host string, port int, err error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("%s address %q: %w", what, addr, err)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return "", 0, fmt.Errorf("%s address %q: only a loopback address such as 127.0.0.1 is allowed", what, addr)
	}
	port, err = strconv.Atoi(portText)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("%s address %q: %q is not a port", what, addr, portText)
	}
	if port == 0 {
		port, err = freePort(host)
		return host, port, err
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, portText))
	if errors.Is(err, syscall.EADDRINUSE) {
		return "", 0, fmt.Errorf("%s address %s is in use by another program: stop it or choose another address", what, addr)
	}
	if err != nil {
		return "", 0, fmt.Errorf("%s address: %w", what, err)
	}
	return host, port, l.Close()
}

// freePort returns a port nobody listens on. The connection it makes and closes leaves the port in
// TIME_WAIT, so that the system hands it to nobody else during the moment until it is really bound.
func freePort(host string) (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	_ = server.Close() // closed from this side first: that is what makes TIME_WAIT ours
	return l.Addr().(*net.TCPAddr).Port, nil
}
