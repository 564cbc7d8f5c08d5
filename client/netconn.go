//go:build linux

package client

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"

	"twomsl/internal/exchange"
	"twomsl/internal/linux"
	"twomsl/internal/tally"
)

// connection is the n-th connection's whole life.
func (e *netEngine) connection(n, intended int64) {
	source, dest := e.plan.tuple(n)
	c := conn{tuple: int32(source*len(e.plan.Destinations) + dest), called: linux.Nano(), intended: intended}
	tcp, err := e.dial(n, source, dest)
	now := linux.Nano()
	e.mu.Lock()
	e.w.rec.started(c.called, c.intended, e.plan.Rate)
	e.mu.Unlock()
	if err != nil {
		e.refused(&c, err, now)
		return
	}
	e.connected(&c, tcp, now)
	t := exchange.Talk{
		Script: &e.script, Conn: tcp, Number: n, Until: after(c.called + int64(e.plan.Timeout)), Gate: e.gates,
	}
	if e.meetsItself && isOneEnd(tcp) { // hidden by the library only where the kernel chose the port
		t.Phase, t.Why = tally.Connect, tally.SelfConnect
		e.ended(&c, &t, exchange.Broken)
		return
	}
	e.ended(&c, &t, t.Run(e.run))
}

// dial is the ordinary way to a connection, with what the plan asks of the socket. The library calls Control once for
// each socket that it makes.
func (e *netEngine) dial(n int64, source, dest int) (*net.TCPConn, error) {
	p := &e.plan
	made := 0
	d := net.Dialer{Timeout: p.Timeout.Std(), Control: func(_, _ string, c syscall.RawConn) error {
		made++
		return e.configure(c)
	}}
	if !p.Socket.KeepAlive.Off() {
		d.KeepAlive = -1 // or the library would overwrite, once connected, what Control has set
	}
	if address, port := p.binds(); address {
		from := netip.AddrPortFrom(p.Sources[source], 0)
		if port {
			from = netip.AddrPortFrom(p.Sources[source], p.port(n))
		}
		d.LocalAddr = net.TCPAddrFromAddrPort(from)
	}
	network := "tcp4"
	if e.ipv6() {
		network = "tcp6"
	}
	c, err := d.DialContext(e.run, network, p.Destinations[dest].String())
	if made > 1 {
		e.hidden.Add(int64(made - 1))
	}
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// optionError is a socket option that the kernel refused during the load.
type optionError struct{ errno linux.Errno }

func (o optionError) Error() string { return "setsockopt: " + o.errno.Error() }
func (o optionError) Unwrap() error { return o.errno }

// configure sets the plan's options; all others stay as the library has them.
func (e *netEngine) configure(c syscall.RawConn) error {
	var refused linux.Errno
	err := c.Control(func(fd uintptr) {
		for i := range e.options {
			if refused = e.options[i].Set(int(fd), &e.plan); refused != 0 {
				return
			}
		}
	})
	if err == nil && refused != 0 {
		return optionError{refused}
	}
	return err
}

// phaseOf tells which of Dial's system calls failed. Those that the library does not name are the poller's: split counts
// them as options, too.
func phaseOf(err error) tally.Phase {
	var call *os.SyscallError
	var errno linux.Errno
	switch {
	case errors.As(err, &call):
		switch call.Syscall {
		case "socket":
			return tally.Socket
		case "bind":
			return tally.Bind
		case "setsockopt":
			return tally.Option
		}
		return tally.Connect
	case errors.As(err, &errno):
		return tally.Option
	}
	return tally.Connect
}

// refused counts a connection that Dial could not open.
func (e *netEngine) refused(c *conn, err error, now int64) {
	phase := phaseOf(err)
	why, interrupted := exchange.EndOf(err)
	if phase == tally.Connect && why == tally.Errno(linux.EADDRNOTAVAIL) || phase == tally.Bind && why == tally.Errno(linux.EADDRINUSE) {
		e.exhausted(int(c.tuple), now)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if interrupted {
		e.w.rec.unfinished++
		return
	}
	if exchange.IsReset(why) { // the handshake was over, but Dial was not yet
		e.w.talk.Resets++
	}
	e.failed(phase, why)
}

// failed counts a failure; the plan may ask to stop at so many. The lock is held.
func (e *netEngine) failed(p tally.Phase, why tally.End) {
	e.w.rec.tally.Add(p, why)
	if n := e.w.failed.Add(1); e.plan.Failures > 0 && n >= e.plan.Failures {
		e.Stop("failures")
	}
}

// connected counts a handshake that is over, and finds the port by which the connection is metered.
func (e *netEngine) connected(c *conn, tcp *net.TCPConn, now int64) {
	c.port = addrPort(tcp.LocalAddr()).Port()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.w.rec.connected(c, now, e.plan.Rate, e.firstExhaustion[c.tuple].Load(), !e.plan.Socket.FastOpen)
}

func addrPort(a net.Addr) netip.AddrPort {
	t, _ := a.(*net.TCPAddr)
	return t.AddrPort()
}

// isOneEnd tells a socket that is connected to itself.
func isOneEnd(c *net.TCPConn) bool { return addrPort(c.LocalAddr()) == addrPort(c.RemoteAddr()) }

// ended counts a connection that has come to its end, and closes one that broke.
func (e *netEngine) ended(c *conn, t *exchange.Talk, r exchange.Result) {
	if r == exchange.Broken || r == exchange.Interrupted {
		_ = t.Conn.Close()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	rec := &e.w.rec
	e.account(c, t)
	if c := t.ClosedAt; c != 0 && e.plan.LeavesTimeWait && r != exchange.Broken && r != exchange.Interrupted {
		rec.closedFirst(c - e.epoch)
	}
	switch r {
	case exchange.Interrupted:
		rec.unfinished++
	case exchange.Broken, exchange.ClosedBadly:
		e.failed(t.Phase, t.Why)
	case exchange.Kept:
		e.kept = append(e.kept, t.Conn)
		e.w.ok.Add(1)
	default:
		e.w.ok.Add(1)
	}
}

// account adds what a connection wrote, read and saw. The lock is held.
func (e *netEngine) account(c *conn, t *exchange.Talk) {
	talk, rec := &e.w.talk, &e.w.rec
	talk.Written += t.Written
	talk.Read += t.Read
	talk.EOFs += t.EOFs
	talk.Resets += t.Resets
	for _, why := range t.Asides {
		rec.tally.Add(tally.Close, why)
	}
	if rec.meter.On() {
		d := int32(len(e.plan.Destinations))
		rec.meter.Add(tally.Key(int(c.tuple/d), int(c.tuple%d), c.port), c.called, t.Written, t.Read)
	}
}
