//go:build linux

package exchange

import (
	"time"

	"twomsl/internal/callcost"
	"twomsl/internal/linux"
)

// The system calls of a connection's exchange, each timed where the connection is. On a socket that waits, a wait that a
// signal ended is the same as one whose time was up: not yet.

func notYet(e linux.Errno) linux.Errno {
	if e == linux.EINTR {
		return linux.EAGAIN
	}
	return e
}

func (c *Conn) read(p []byte) (int, linux.Errno) {
	c.Timer.Begin()
	n, e := linux.Read(int(c.FD), p)
	c.Timer.End(callcost.Read)
	return n, notYet(e)
}

func (c *Conn) peek(p []byte) (int, linux.Errno) {
	c.Timer.Begin()
	n, e := linux.Peek(int(c.FD), p)
	c.Timer.End(callcost.Read)
	return n, notYet(e)
}

func (c *Conn) write(p []byte) (int, linux.Errno) {
	c.Timer.Begin()
	n, e := linux.Write(int(c.FD), p)
	c.Timer.End(callcost.Write)
	return n, notYet(e)
}

func (c *Conn) writeNow(p []byte) (int, linux.Errno) {
	c.Timer.Begin()
	n, e := linux.WriteNow(int(c.FD), p)
	c.Timer.End(callcost.Write)
	return n, notYet(e)
}

func (c *Conn) shutdown() linux.Errno {
	c.Timer.Begin()
	e := linux.ShutdownWrite(int(c.FD))
	c.Timer.End(callcost.Shutdown)
	return e
}

func (c *Conn) set(option func(fd, v int) linux.Errno, v int) linux.Errno {
	c.Timer.Begin()
	e := option(int(c.FD), v)
	c.Timer.End(callcost.Option)
	return e
}

// Thinks is how much longer the answer takes that is under way; 0 where there is none.
func (c *Conn) Thinks(now int64) time.Duration {
	if c.stage != saying || c.limit == 0 {
		return 0
	}
	return max(0, time.Duration(c.limit-now))
}
