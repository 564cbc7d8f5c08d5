//go:build linux

package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"twomsl/internal/linux"
)

// refusedError is a system call on a listener that the kernel refused.
type refusedError struct {
	call  string
	errno linux.Errno
}

func (r refusedError) Error() string { return r.call + ": " + linux.ErrnoName(r.errno) }
func (r refusedError) Unwrap() error { return r.errno }

// listenNet opens the listener for an address in the ordinary way, with the plan's options. Left to itself the library
// asks for MPTCP, which accepts plain TCP too, and has a backlog of net.core.somaxconn: a second listen() lowers it.
func listenNet(ap netip.AddrPort, p *Plan) (*net.TCPListener, error) {
	network := "tcp4"
	if p.ipv6() {
		network = "tcp6"
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return withDescriptor(c, func(fd int) error { return setOptions(fd, p) })
	}}
	l, err := lc.Listen(context.Background(), network, ap.String())
	if err != nil {
		return nil, explain(ap, err)
	}
	tcp := l.(*net.TCPListener)
	raw, err := tcp.SyscallConn()
	if err == nil {
		err = withDescriptor(raw, func(fd int) error {
			if e := linux.Listen(fd, p.Backlog); e != 0 {
				return refusedError{"listen", e}
			}
			return nil
		})
	}
	if err != nil {
		_ = tcp.Close()
		return nil, explain(ap, err)
	}
	return tcp, nil
}

// withDescriptor gives a function the descriptor.
func withDescriptor(c syscall.RawConn, do func(fd int) error) (err error) {
	if control := c.Control(func(fd uintptr) { err = do(int(fd)) }); control != nil {
		return control
	}
	return err
}

// setOptions sets what the plan asks for, and takes back SO_REUSEADDR, which the library sets unasked.
func setOptions(fd int, p *Plan) error {
	if !p.Socket.ReuseAddress {
		if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 0); err != nil {
			return os.NewSyscallError("setsockopt(SO_REUSEADDR)", err)
		}
	}
	for _, o := range options {
		if !o.Asked(p) {
			continue
		}
		if e := o.Set(fd, p); e != 0 {
			return refusedError{"setsockopt(" + o.Name + ")", e}
		}
	}
	return nil
}

// explain says which address it is about and what to do.
func explain(ap netip.AddrPort, err error) error {
	var call *os.SyscallError
	var refused refusedError
	var errno linux.Errno
	switch {
	case errors.As(err, &refused):
	case errors.As(err, &call) && errors.As(err, &errno):
		refused = refusedError{call.Syscall, errno}
	default:
		return fmt.Errorf("listener %s: %w", ap, err)
	}
	e := refused.errno
	return fmt.Errorf("listener %s: %w (%w)%s", ap, refused, e, remedy(e))
}

// Restart is Server's, by package net.
func (e *netEngine) Restart() string {
	return restart(e.plan.Listen, func(ap netip.AddrPort) error {
		l, err := listenNet(ap, &e.plan)
		if err != nil {
			return err
		}
		return l.Close()
	})
}
