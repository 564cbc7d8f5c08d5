//go:build linux

package client

import (
	"twomsl/internal/exchange"
	"twomsl/internal/linux"
	"twomsl/internal/tally"
)

// Unchained tells why the plan's connections cannot be chains in a ring, "" where they can. It tries nothing.
func Unchained(p *Plan) string {
	s := p.script()
	if why := exchange.Unchained(&s); why != "" {
		return why
	}
	for _, o := range options {
		if o.Asked(p) && o.Value == nil {
			return "its sockets are given " + o.Name
		}
	}
	if p.mayMeetItself() && p.Response > p.Request {
		return "a socket could be connected to itself, and the response is longer than the request that would tell"
	}
	return ""
}

// Binds tells whether each socket is bound before connect().
func (p *Plan) Binds() bool {
	address, _ := p.binds()
	return address
}

// chained tells whether the plan's connections are chains.
func (p *Plan) chained() bool { return p.IO == "uring" }

// Members of a chain, by which a completion says what it is about.
const (
	memberSocket = iota
	memberOption
	memberBind
	memberConnect
	memberWrite
	memberRead
	memberSelf // an ordinary descriptor, to look at the socket's own address
	memberEOF
	memberLast   // the linger option and close() at the end
	memberPoll   // the poller, for connections that run step by step
	memberCancel // the end of a time limit
)

// memberPhase is a member's phase in the tally.
var memberPhase = [...]tally.Phase{
	memberSocket: tally.Socket, memberOption: tally.Option, memberBind: tally.Bind, memberConnect: tally.Connect,
	memberWrite: tally.Write, memberRead: tally.Read, memberSelf: tally.Read, memberEOF: tally.Close, memberLast: tally.Close,
}

// chainState is what a connection in a ring needs beside its place in the script.
type chainState struct {
	is       bool           // it is one
	says     bool           // the read under way stands behind a write
	echo     int32          // how much of its own request came back
	canceled int64          // when it was last asked to end; 0: never
	bound    linux.Sockaddr // what it binds to
}

// startChain lays the n-th connection into the ring, up to the first read.
func (w *worker) startChain(n, intended int64) {
	p, r := &w.c.plan, w.ring
	source, dest := p.tuple(n)
	if !r.room(len(r.options) + chainLength) {
		w.c.fail(errRingStuck)
		w.fail(tally.Socket, tally.Errno(linux.EAGAIN))
		return
	}
	i := w.take()
	c := &w.conns[i]
	c.Begin(int(i), 0)
	c.Number, c.tuple, c.port, c.connecting = n, int32(source*len(p.Destinations)+dest), 0, true
	c.called, c.intended, c.timed, c.chain = linux.Nano(), intended, false, chainState{is: true}
	w.rec.started(c.called, intended, p.Rate)
	r.flying++
	r.Socket(int(i), w.c.ipv6(), c.tag(i, memberSocket)).Linked().Quiet()
	for o := range r.options {
		r.Option(int(i), &r.options[o], c.tag(i, memberOption)).Linked().Quiet()
	}
	if address, port := p.binds(); address {
		c.chain.bound = w.c.sources[source]
		if port {
			c.chain.bound = c.chain.bound.WithPort(p.port(n))
		}
		r.Bind(int(i), &c.chain.bound, c.tag(i, memberBind)).Linked().Quiet()
	}
	r.Connect(int(i), &w.c.dests[dest], c.tag(i, memberConnect)).Linked().Quiet()
	w.proceed(i)
}

// chainLength is how many submissions a chain takes beside its options: socket, bind, connect, write, read. What follows
// takes less.
const chainLength = 5

// tag is what comes back with a completion: the slot, the member and the slot's generation.
func (c *conn) tag(i int32, member uint64) uint64 {
	return uint64(uint32(i)) | member<<32 | uint64(c.generation&0xffffff)<<40
}

// proceed asks for what is due next, as far as nothing must be looked at.
func (w *worker) proceed(i int32) {
	c, r := &w.conns[i], w.ring
	if !r.room(chainLength) {
		w.c.fail(errRingStuck)
		return
	}
	for {
		act, step := w.talk.Next(&c.Conn)
		switch act {
		case exchange.Say:
			r.Send(int(i), w.talk.Saying(&c.Conn), c.tag(i, memberWrite)).Linked().Quiet()
			c.chain.says = true
			r.Recv(int(i), r.buffer(i), c.tag(i, memberRead))
			return
		case exchange.Hear:
			r.Recv(int(i), r.buffer(i)[:w.talk.Room(&c.Conn)], c.tag(i, memberRead))
			return
		case exchange.EOF:
			r.Recv(int(i), r.buffer(i), c.tag(i, memberEOF))
			return
		case exchange.Option:
			r.Option(int(i), r.linger(step.Seconds), c.tag(i, memberLast)).Quiet()
			c.Passed()
		default:
			w.talk.Closing(&c.Conn)
			w.closeSlot(i)
			w.finish(i, exchange.Closed)
			return
		}
	}
}

// closeSlot closes a chained connection. Nobody waits for that: whatever uses the slot next stands behind it.
func (w *worker) closeSlot(i int32) {
	w.ring.CloseSlot(int(i), w.conns[i].tag(i, memberLast)).Quiet()
	w.ring.flying--
}

// completed takes what became of a chain: its first read, or the member at which it broke.
func (w *worker) completed(q linux.CQE) {
	i, member := int32(uint32(q.Tag)), q.Tag>>32&0xff
	if member >= memberLast {
		if member == memberPoll {
			w.ring.polled(q)
		}
		return
	}
	c, e := &w.conns[i], q.Errno()
	w.arrived(i, member, q)
	got := w.ring.buffer(i)[:max(q.Res, 0)]
	switch {
	case c.chain.canceled != 0:
		w.endChain(i, max(memberPhase[member], tally.Connect), tally.GaveUp)
	case member == memberConnect && e == linux.ECONNRESET: // after the handshake: in SYN_SENT an RST is ECONNREFUSED
		w.connected(c, w.ring.reaped)
		w.talk.Broke(tally.Write, tally.Errno(e))
		w.endChain(i, tally.Write, tally.Errno(e))
	case member < memberWrite:
		w.endUnconnected(i, member, e)
	case member == memberWrite && e == 0:
		w.proceed(i) // the rest of it
	case member == memberWrite:
		w.talk.Broke(tally.Write, tally.Errno(e))
		w.endChain(i, tally.Write, tally.Errno(e))
	case member == memberEOF:
		w.carryOnChain(i, w.talk.Ended(&c.Conn, len(got), e))
	case member == memberSelf:
		w.lookAtSelf(i, int(q.Res))
	case w.c.meetsItself && w.talk.Echoed(&c.Conn, got) && w.ring.room(1):
		c.chain.echo = int32(len(got))
		w.ring.Install(int(i), c.tag(i, memberSelf))
	default:
		w.carryOnChain(i, w.talk.Heard(&c.Conn, got, e))
	}
}

// lookAtSelf tells a socket that is connected to itself from one whose peer is an echo.
func (w *worker) lookAtSelf(i int32, fd int) {
	c := &w.conns[i]
	if fd >= 0 {
		slot := c.FD
		c.FD = int32(fd)
		self := w.metItself(c)
		c.FD = slot
		linux.Close(fd)
		if self {
			w.endChain(i, tally.Connect, tally.SelfConnect)
			return
		}
	}
	w.carryOnChain(i, w.talk.Heard(&c.Conn, w.ring.buffer(i)[:c.chain.echo], 0))
}

// arrived counts what a chain that has come to a member has behind it: the handshake, a write.
func (w *worker) arrived(i int32, member uint64, q linux.CQE) {
	c := &w.conns[i]
	if c.connecting && member >= memberWrite {
		w.connected(c, w.ring.reaped)
	}
	switch {
	case member == memberWrite:
		w.talk.Said(&c.Conn, int(max(q.Res, 0))) // not all of it
	case c.chain.says && member > memberWrite:
		w.talk.Said(&c.Conn, len(w.talk.Saying(&c.Conn)))
	}
	c.chain.says = false
}

func (w *worker) carryOnChain(i int32, r exchange.Result) {
	if r == exchange.Broken {
		w.endChain(i, w.talk.Phase, w.talk.Why)
		return
	}
	w.proceed(i)
}

// endUnconnected takes a chain that broke before it was connected.
func (w *worker) endUnconnected(i int32, member uint64, e linux.Errno) {
	c := &w.conns[i]
	if member == memberConnect && e == linux.EADDRNOTAVAIL || member == memberBind && e == linux.EADDRINUSE {
		w.c.exhausted(int(c.tuple), w.ring.reaped)
	}
	w.endChain(i, memberPhase[member], tally.Errno(e))
}

// endChain closes a chained connection that failed.
func (w *worker) endChain(i int32, p tally.Phase, why tally.End) {
	if !w.ring.room(1) {
		w.c.fail(errRingStuck)
	} else {
		w.closeSlot(i)
	}
	w.release(i)
	w.fail(p, why)
}

// cancelEvery is how long a canceled chain is given before it is asked again: between two of its members there is nothing
// to cancel.
const cancelEvery = int64(10e6)

// cancel asks a chain to end; its completion tells where it was.
func (w *worker) cancel(i int32, now int64) {
	c := &w.conns[i]
	if now-c.chain.canceled < cancelEvery || !w.ring.room(1) {
		return
	}
	c.chain.canceled = now
	w.ring.CancelSlot(int(i), c.tag(i, memberCancel)).Quiet()
}
