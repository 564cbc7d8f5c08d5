//go:build linux

package probe

import (
	"bytes"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"twomsl/internal/linux"
)

// The phases of a call, as record.CanaryFailure names them; socket and option come before bind.
const (
	phaseSocket  = "socket"
	phaseOption  = "option"
	phaseBind    = "bind"
	phaseConnect = "connect"
	phaseWrite   = "write"
	phaseRead    = "read"
	phaseAnswer  = "answer"
)

// failure is where a call failed; the zero value is one that was answered.
type failure struct {
	phase string
	errno linux.Errno
}

func (f failure) failed() bool { return f.phase != "" }

// line is one caller's own: a poller and the socket of the call under way. It is not safe for use by several goroutines.
type line struct {
	Caller
	poller *linux.Poller
	target linux.Sockaddr
	source linux.Sockaddr
	buf    []byte
	asked  uint16 // DNS queries so far: the id of the next
	fd     int
	until  int64 // CLOCK_MONOTONIC
	over   int64 // when the answer was there, or the failure
	// whole tells that the handshake of the last call came to its end, although it was to be taken back: on a busy machine the
	// kernel's patience with the ACK may run out first.
	whole bool
}

func newLine(c Caller) (*line, error) {
	p, e := linux.OpenPoller()
	if e != 0 {
		return nil, fmt.Errorf("canary %s: epoll_create1: %w", c.Name, e)
	}
	return &line{
		Caller: c, poller: p, target: linux.NewSockaddr(c.Target), buf: make([]byte, 1500),
		source: linux.NewSockaddr(netip.AddrPortFrom(c.Source, 0)),
	}, nil
}

// call makes one call and ends it. Nothing of it stays behind.
func (l *line) call(timeout time.Duration) failure {
	l.until = linux.Nano() + int64(timeout)
	open := linux.Socket
	if l.Kind == DNS {
		open = linux.Datagram
	}
	fd, e := open(l.Target.Addr().Is6())
	if e != 0 {
		l.over = linux.Nano()
		return failure{phaseSocket, e}
	}
	l.fd = fd
	f := l.talk()
	l.over = linux.Nano()
	if l.whole = false; l.Kind == Connect && !f.failed() {
		n, e := linux.SegmentsOut(fd)
		l.whole = e == 0 && n > 1 // more than the SYN
	}
	linux.Close(fd)
	return f
}

// talk is a call from its socket to its answer.
func (l *line) talk() failure {
	if f := l.prepare(); f.failed() {
		return f
	}
	if f := l.connect(); f.failed() {
		return f
	}
	switch l.Kind {
	case SSH:
		return l.banner()
	case DNS:
		return l.question()
	}
	return failure{}
}

// prepare gives the socket what it needs before connect().
func (l *line) prepare() failure {
	e := linux.SetMark(l.fd, Mark)
	if e == 0 && l.Kind != DNS {
		e = linux.SetLinger(l.fd, 0)
	}
	if e == 0 && l.Kind == Connect {
		// The handshake is left without its end, so that the service never hears of it: it takes no place among those that
		// wait to be accepted, and is in nobody's count.
		e = linux.HoldHandshakeACK(l.fd)
	}
	if e == 0 && !l.Socket.Range.Off() {
		e = linux.SetLocalPortRange(l.fd, l.Socket.Range.Low, l.Socket.Range.High)
	}
	if e == 0 && !l.Socket.PortTaken && l.Kind != DNS {
		e = linux.SetBindAddressNoPort(l.fd)
	}
	if e == 0 && l.Socket.ReuseAddress {
		e = linux.SetReuseAddress(l.fd)
	}
	if e == 0 && l.Socket.ReusePort {
		e = linux.SetReusePort(l.fd)
	}
	if e != 0 {
		return failure{phaseOption, e}
	}
	if e := linux.Bind(l.fd, &l.source); e != 0 {
		return failure{phaseBind, e}
	}
	return failure{}
}

// connect waits for the end of the handshake; a datagram socket has none.
func (l *line) connect() failure {
	e := linux.Connect(l.fd, &l.target)
	if e != 0 && e != linux.EINPROGRESS {
		return failure{phaseConnect, e}
	}
	if a := l.poller.AddConnection(l.fd, 0); a != 0 {
		return failure{phaseOption, a}
	}
	if e == 0 {
		return failure{}
	}
	if !l.wait() {
		return failure{phaseConnect, linux.ETIMEDOUT}
	}
	if e := linux.SocketError(l.fd); e != 0 {
		return failure{phaseConnect, e}
	}
	return failure{}
}

// wait waits for the socket's next event; false when the time is over.
func (l *line) wait() bool {
	for {
		left := time.Duration(l.until - linux.Nano())
		if left <= 0 {
			return false
		}
		if n, e := l.poller.Wait(left); n > 0 || e != 0 {
			return true // what an error of the poller hides, the next call on the socket shows
		}
	}
}

// read waits for bytes; 0 is the peer's end.
func (l *line) read(p []byte) (int, failure) {
	for {
		n, e := linux.Read(l.fd, p)
		switch {
		case e == 0:
			return n, failure{}
		case e != linux.EAGAIN:
			return 0, failure{phaseRead, e}
		case !l.wait():
			return 0, failure{phaseRead, linux.ETIMEDOUT}
		}
	}
}

// banner reads what an SSH server says first. It may say other lines before (RFC 4253 section 4.2).
func (l *line) banner() failure {
	for got := 0; got < len(l.buf); {
		n, f := l.read(l.buf[got:])
		if f.failed() {
			return f
		}
		got += n
		said := l.buf[:got]
		if bytes.HasPrefix(said, sshPrefix) || bytes.Contains(said, append([]byte("\n"), sshPrefix...)) {
			return failure{}
		}
		if n == 0 {
			break
		}
	}
	return failure{phase: phaseAnswer}
}

var sshPrefix = []byte("SSH-")

// question sends one query and waits for its answer. Others' answers are passed over, as resolvers do (RFC 5452).
func (l *line) question() failure {
	l.asked++
	query, err := query(l.asked, l.Question, l.Target.Addr().Is6())
	if err != nil {
		return failure{phase: phaseWrite}
	}
	if _, e := linux.Write(l.fd, query); e != 0 {
		return failure{phaseWrite, e}
	}
	for {
		n, f := l.read(l.buf)
		if f.failed() {
			return f
		}
		var p dnsmessage.Parser
		h, err := p.Start(l.buf[:n])
		switch {
		case err != nil:
			return failure{phase: phaseAnswer}
		case h.ID != l.asked:
			continue
		case !h.Response || h.RCode != dnsmessage.RCodeSuccess:
			return failure{phase: phaseAnswer}
		}
		return failure{}
	}
}
