//go:build linux

package assay

import (
	"time"

	"twomsl/internal/linux"
)

// timeouts: a read and a write that run into the limit that the application set for them, and data that nobody
// acknowledges until the kernel's own limit.
func init() {
	register("timeouts", map[string]string{"each": "10", "kernel": "on"}, timeouts)
}

// callLimit is SO_RCVTIMEO and SO_SNDTIMEO.
const callLimit = 200 * time.Millisecond

func timeouts(b *bench) {
	p := b.pair()
	n := b.number("each")
	p.client.set("net.ipv4.tcp_retries2", retries)
	l := p.serve(80, 128)
	b.count("each", n, "connections of each kind")
	again := 0
	limits := make(chan linux.Errno, 2*n) // all wait side by side
	for range n {
		read, write := l.dial(), l.dial()
		b.ok("SO_RCVTIMEO", linux.SetReceiveTimeout(read.client, callLimit))
		b.ok("SO_SNDTIMEO", linux.SetSendTimeout(write.client, callLimit))
		b.ok("fcntl", linux.SetBlocking(read.client))
		b.ok("fcntl", linux.SetBlocking(write.client))
		go func() { _, e := linux.ReadWaiting(read.client, make([]byte, 1)); limits <- e }()
		go func() { limits <- writeUntilStuck(write.client) }()
	}
	for range 2 * n {
		if e := <-limits; e == linux.EAGAIN {
			again++
		} else {
			b.text("a call with a time limit: %s", linux.ErrnoName(e))
		}
	}
	b.count("eagain", again, "calls that ended with EAGAIN")
	b.count("established", p.client.standing(linux.DiagEstablished), "ESTABLISHED here")
	b.count("peer_established", p.server.standing(linux.DiagEstablished), "ESTABLISHED there")
	b.kernelLimit(l, n)
}

// writeUntilStuck fills both buffers, since nobody reads.
func writeUntilStuck(fd int) linux.Errno {
	p := make([]byte, 64<<10)
	for {
		if _, e := linux.WriteWaiting(fd, p); e != 0 {
			return e
		}
	}
}

// kernelLimit sends data into the void.
func (b *bench) kernelLimit(l *service, n int) {
	var fds []int
	var ports []uint16
	for range n {
		c := l.dial()
		fds, ports = append(fds, c.client), append(ports, c.port)
	}
	if b.is("kernel", "on") {
		l.cut()
	}
	for _, fd := range fds {
		b.write(fd, []byte("are you there?"))
	}
	const limit = 6 * time.Second
	left := n
	for begin := time.Now(); time.Since(begin) < limit && left > 0; time.Sleep(20 * time.Millisecond) {
		standing := l.client.portsIn(linux.DiagEstablished)
		left = 0
		for _, p := range ports {
			left += boolean(standing[p])
		}
	}
	b.tellEnded("timed_out", fds)
	b.count("left", left, "still ESTABLISHED")
	b.count("time_wait", l.client.standing(linux.DiagTimeWait), "TIME_WAIT")
}
