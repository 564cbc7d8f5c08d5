//go:build linux

package facts

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"twomsl/internal/linux"
)

// waits is a call on a socket that waits for up to a time.
type waits struct {
	name string
	call func() linux.Errno
}

// A call that waits on a socket with a time limit ends with EINTR when a signal comes, and is not begun anew, although the
// runtime's handlers ask for that (SA_RESTART). The runtime signals each thread that a stop of the world waits for: the
// wait of a raw call does not hold it up.
func TestNetNSSignalEndsAWaitWithATimeLimit(t *testing.T) {
	p := newPair(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 2)) // the call keeps a processor of the runtime's
	listener, connection := p.blocking(8080, 10*patience)
	stuck := p.client.blockingSocket(10 * patience)
	p.cut()
	to := linux.NewSockaddr(netip.AddrPortFrom(p.server.address, 8080))
	var from linux.Sockaddr
	for _, w := range []waits{
		{"accept", func() linux.Errno { _, e := linux.AcceptBlocking(listener, &from); return e }},
		{"recv", func() linux.Errno { _, e := linux.Read(connection, make([]byte, 1)); return e }},
		{"connect", func() linux.Errno { return linux.Connect(stuck, &to) }},
	} {
		ended := make(chan linux.Errno, 1)
		go func() { ended <- w.call() }()
		e := linux.Errno(0)
		done := until(func() bool {
			runtime.GC() // stops the world
			select {
			case e = <-ended:
				return true
			default:
				return false
			}
		})
		if !done || e != linux.EINTR {
			t.Fatalf("%s ended: %v, with %v; expected EINTR when the world stops", w.name, done, e)
		}
	}
}

// When the time of SO_SNDTIMEO is up connect() gives EINPROGRESS, and asked again EALREADY; the handshake goes on all the
// while, and connect() tells when it is over.
func TestNetNSConnectWaitsInParts(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.serve(8080)
	to := linux.NewSockaddr(netip.AddrPortFrom(p.server.address, 8080))
	p.cut()
	var fd int
	e := linux.EINTR
	until(func() bool { // a signal may come before the time is up
		fd = p.client.blockingSocket(5 * time.Millisecond)
		e = linux.Connect(fd, &to)
		return e != linux.EINTR
	})
	if e != linux.EINPROGRESS {
		t.Fatalf("connect(): %v, expected EINPROGRESS", e)
	}
	if e := waited(func() linux.Errno { return linux.Connect(fd, &to) }); e != linux.EALREADY {
		t.Fatalf("connect() once more: %v, expected EALREADY", e)
	}
	p.mend()
	until(func() bool {
		e = waited(func() linux.Errno { return linux.Connect(fd, &to) })
		return e != linux.EALREADY
	})
	if e != 0 {
		t.Errorf("connect() in the end: %v", e)
	}
}

// What accept() gives has the listener's SO_RCVTIMEO.
func TestNetNSAcceptedSocketsHaveTheListenersTimeLimit(t *testing.T) {
	t.Parallel()
	_, connection := newPair(t).blocking(8080, 5*time.Millisecond) // below what Go lets a goroutine run for: its signals would begin the time anew
	ended := make(chan linux.Errno, 1)
	go func() {
		ended <- waited(func() linux.Errno { _, e := linux.Read(connection, make([]byte, 1)); return e })
	}()
	select {
	case e := <-ended:
		if e != linux.EAGAIN {
			t.Errorf("recv ended with %v, expected EAGAIN", e)
		}
	case <-time.After(patience):
		t.Fatal("recv has no time limit")
	}
}

// waited makes a call that waits until something other than a signal ends it.
func waited(call func() linux.Errno) linux.Errno {
	for {
		if e := call(); e != linux.EINTR {
			return e
		}
	}
}

// blockingSocket is one on the host whose calls wait for so long at most.
func (s *side) blockingSocket(limit time.Duration) int {
	s.t.Helper()
	s.enter()
	fd, e := linux.SocketBlocking(s.address.Is6())
	if e == 0 {
		s.open[fd] = true
		e = linux.SetSendTimeout(fd, limit)
	}
	if e == 0 {
		e = linux.SetReceiveTimeout(fd, limit)
	}
	if e != 0 {
		s.t.Fatalf("a socket that waits: %v", e)
	}
	return fd
}

// blocking is a listener on the server with one connection that it has accepted.
func (p *pair) blocking(port uint16, limit time.Duration) (listener, connection int) {
	p.t.Helper()
	listener = p.server.blockingSocket(limit)
	at := linux.NewSockaddr(netip.AddrPortFrom(p.server.address, port))
	if e := linux.Bind(listener, &at); e != 0 {
		p.t.Fatal(e)
	}
	if e := linux.Listen(listener, 10); e != 0 {
		p.t.Fatal(e)
	}
	client := p.client.blockingSocket(patience)
	if e := waited(func() linux.Errno { return linux.Connect(client, &at) }); e != 0 && e != linux.EISCONN {
		p.t.Fatal(e)
	}
	var from linux.Sockaddr
	e := waited(func() (e linux.Errno) { connection, e = linux.AcceptBlocking(listener, &from); return e })
	if e != 0 {
		p.t.Fatal(e)
	}
	p.server.open[connection] = true
	return listener, connection
}
