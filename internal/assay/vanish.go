//go:build linux

package assay

import (
	"strconv"
	"time"

	"twomsl/internal/linux"
)

// vanish: connections whose peer goes away unseen: left idle, asked by keep-alive, written to, read from with a time
// limit. keepalive reads the timers that keep-alive sets.
func init() {
	register("vanish", map[string]string{"each": "10", "link": "cut", "heartbeat": "on"}, vanish)
	register("keepalive", map[string]string{"time": "default", "option": "on", "each": "20"}, keepalive)
}

// What is shortened: a first probe after 1 s, then 2 a second apart; data is sent again twice.
const (
	probeAfter = time.Second
	probes     = 2
	retries    = "2"
)

func vanish(b *bench) {
	p := b.pair()
	n := b.number("each")
	p.client.set("net.ipv4.tcp_retries2", retries)
	l := p.serve(80, 128)
	open := func() (fds []int) {
		for range n {
			fds = append(fds, l.dial().client)
		}
		return fds
	}
	idle, asked, writing, bounded := open(), open(), open(), open()
	for i := range n {
		b.ok("TCP_USER_TIMEOUT", linux.SetUserTimeout(bounded[i], time.Second))
		if b.is("heartbeat", "on") {
			b.ok("SO_KEEPALIVE", linux.SetKeepAlive(asked[i], probeAfter, time.Second, probes))
		}
	}
	if b.is("link", "cut") {
		p.cut()
	}
	for i := range n {
		if b.is("heartbeat", "on") {
			b.write(writing[i], []byte("are you there?"))
			b.write(bounded[i], []byte("are you there?"))
		}
	}
	const limit = 8 * time.Second
	for begin := time.Now(); time.Since(begin) < limit; time.Sleep(20 * time.Millisecond) {
		if p.client.standing(linux.DiagEstablished) == n {
			break
		}
	}
	b.count("each", n, "connections of each kind")
	b.count("idle", b.alive(idle), "idle ones that stand")
	b.tellEnded("asked", asked)
	b.tellEnded("writing", writing)
	b.tellEnded("bounded", bounded)
	b.count("time_wait", p.client.standing(linux.DiagTimeWait), "TIME_WAIT")
	b.count("peer", p.server.standing(linux.DiagEstablished), "that the peer's host still holds")
}

// alive counts the sockets on which nothing has happened.
func (b *bench) alive(fds []int) (n int) {
	p := make([]byte, 1)
	for _, fd := range fds {
		if _, e := linux.Peek(fd, p); e == linux.EAGAIN {
			n++
		}
	}
	return n
}

// tellEnded counts the sockets that the kernel gave up with ETIMEDOUT.
func (b *bench) tellEnded(name string, fds []int) {
	ended := 0
	p := make([]byte, 1)
	for _, fd := range fds {
		switch _, e := linux.Read(fd, p); e {
		case linux.ETIMEDOUT:
			ended++
		case 0, linux.EAGAIN:
		default:
			b.text("%s: %s", name, linux.ErrnoName(e))
		}
	}
	b.count(name, ended, "ended with ETIMEDOUT")
}

func keepalive(b *bench) {
	p := b.pair()
	p.client.setWhereSaid("net.ipv4.tcp_keepalive_time", "time")
	n := b.number("each")
	l := p.serve(80, 128)
	with := map[uint16]bool{}
	for range n {
		l.dial()
		c := l.dial()
		if b.is("option", "on") {
			b.ok("SO_KEEPALIVE", linux.SetKeepAlive(c.client, 0, 0, 0))
		}
		with[c.port] = true
		l.dial().clientFirst()
	}
	b.wait("TIME_WAIT", func() bool { return p.client.standing(linux.DiagTimeWait) == n })
	const keepAliveTimer = 2
	var on, off int
	var first, left uint32
	p.client.each(1<<linux.DiagEstablished, func(r *linux.DiagRow) {
		switch {
		case r.Timer != keepAliveTimer:
		case with[r.SourcePort]:
			on++
			first = max(first, r.ExpiresMS)
		default:
			off++
		}
	})
	p.client.each(1<<linux.DiagTimeWait, func(r *linux.DiagRow) { left = max(left, r.ExpiresMS) })
	seconds, err := strconv.Atoi(p.client.get("net.ipv4.tcp_keepalive_time"))
	b.must("tcp_keepalive_time", err)
	b.count("each", n, "connections of each kind")
	b.count("setting", seconds, "s")
	b.count("with", on, "idle sockets with SO_KEEPALIVE that are to be asked")
	b.count("without", off, "idle sockets without it that are to be asked")
	b.put("first_probe", float64(first)/1000, "s")
	b.put("time_wait_left", float64(left)/1000, "s")
}
