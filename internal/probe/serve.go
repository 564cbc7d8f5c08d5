//go:build linux

package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"twomsl/internal/linux"
)

// Banner is what the SSH-like service says.
const Banner = "SSH-2.0-twomsl_canary\r\n"

// services are what stands on this side, in the ordinary way of package net: their errors are nobody's figures.
type services struct {
	closers []io.Closer
	open    sync.WaitGroup
}

// serve opens all of them. patience is how long a connection may stay that its caller has forgotten.
func serve(all []Service, patience time.Duration) (*services, error) {
	s := &services{}
	for _, one := range all {
		if err := s.add(one, patience); err != nil {
			s.close()
			return nil, fmt.Errorf("canary %s at %s: %w; a canary needs that port for itself", one.Kind, one.Listen, err)
		}
	}
	return s, nil
}

func (s *services) add(one Service, patience time.Duration) error {
	lc := net.ListenConfig{Control: marked}
	lc.SetMultipathTCP(false)
	if one.Kind == DNS {
		c, err := lc.ListenPacket(context.Background(), "udp", one.Listen.String())
		if err != nil {
			return err
		}
		s.closers = append(s.closers, c)
		s.open.Go(func() { answer(c.(*net.UDPConn), one) })
		return nil
	}
	l, err := lc.Listen(context.Background(), "tcp", one.Listen.String())
	if err != nil {
		return err
	}
	s.closers = append(s.closers, l)
	s.open.Go(func() { s.accept(l.(*net.TCPListener), one, patience) })
	return nil
}

// marked sets Mark before bind(); what is accepted has it too.
func marked(_, _ string, c syscall.RawConn) error {
	var e linux.Errno
	if err := c.Control(func(fd uintptr) { e = linux.SetMark(int(fd), Mark) }); err != nil {
		return err
	}
	if e != 0 {
		return fmt.Errorf("setsockopt(SO_MARK): %w", e)
	}
	return nil
}

// accept takes connections until the listener is closed.
func (s *services) accept(l *net.TCPListener, one Service, patience time.Duration) {
	for {
		c, err := l.AcceptTCP()
		switch {
		case err == nil:
			s.open.Go(func() { greet(c, one.Kind, patience) })
		case errors.Is(err, net.ErrClosed):
			return
		default: // EMFILE and its like: the connection stays queued
			time.Sleep(time.Millisecond)
		}
	}
}

// greet says what the service says and waits for the caller to end the connection: a TIME_WAIT is never this side's.
func greet(c *net.TCPConn, kind Kind, patience time.Duration) {
	defer c.Close()
	if c.SetLinger(0) != nil || c.SetDeadline(time.Now().Add(patience)) != nil {
		return
	}
	if kind == SSH {
		if _, err := io.WriteString(c, Banner); err != nil {
			return
		}
	}
	io.Copy(io.Discard, c) //nolint:errcheck // however it ends, it is over
}

// answer answers queries until the socket is closed.
func answer(c *net.UDPConn, one Service) {
	buf := make([]byte, 1500)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // a caller's port that was closed before the answer came
		}
		if reply, err := answerTo(buf[:n], one.Listen.Addr()); err == nil {
			c.WriteToUDPAddrPort(reply, from) //nolint:errcheck // the caller will say that nothing came
		}
	}
}

// close ends the services; connections end by their deadline, or with the process.
func (s *services) close() {
	for _, c := range s.closers {
		c.Close()
	}
}
