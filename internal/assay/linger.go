//go:build linux

package assay

import (
	"time"

	"twomsl/internal/linux"
)

// linger: how long close() takes while data is under way and the link is down, by SO_LINGER. graceful: shutdown, read to
// the end for a while, close.
func init() {
	register("linger", map[string]string{"seconds": "off"}, linger)
	register("graceful", map[string]string{"peer": "closes", "wait_ms": "1000", "each": "20"}, graceful)
}

func linger(b *bench) {
	p := b.pair()
	c := p.serve(80, 128).dial()
	p.cut()
	switch b.arguments["seconds"] {
	case "off":
	case "-1": // as a negative value comes from an application: on, with l_linger -1
		b.ok("SO_LINGER", linux.SetLingerNegative(c.client))
	default:
		b.ok("SO_LINGER", linux.SetLinger(c.client, b.number("seconds")))
	}
	b.write(c.client, []byte("the last words"))
	delete(p.client.open, c.client)
	closed := make(chan linux.Errno, 1)
	begin := time.Now()
	go func() { closed <- linux.CloseLingering(c.client) }()
	const longest = 4 * time.Second
	select {
	case e := <-closed:
		b.ok("close", e)
		b.put("close", time.Since(begin).Seconds(), "s")
		b.count("waiting", 0, "still waiting")
	case <-time.After(longest):
		b.put("close", time.Since(begin).Seconds(), "s")
		b.count("waiting", 1, "still waiting")
		p.mend()
		b.ok("close", <-closed)
	}
	b.count("resets", p.client.counter("Tcp.OutRsts"), "RST sent")
}

func graceful(b *bench) {
	p := b.pair()
	n, wait := b.number("each"), time.Duration(b.number("wait_ms"))*time.Millisecond
	l := p.serve(80, 128)
	var conns []*conn
	for range n {
		c := l.dial()
		conns = append(conns, c)
		b.ok("shutdown", linux.ShutdownWrite(c.client))
		if b.is("peer", "closes") {
			b.eof(c.server)
			c.closeServer()
		}
	}
	ended := 0
	for begin := time.Now(); time.Since(begin) < wait && ended < n; time.Sleep(5 * time.Millisecond) {
		ended = n - b.alive(clients(conns))
	}
	for _, c := range conns {
		c.closeClient()
	}
	b.count("each", n, "connections")
	b.count("eof", ended, "that read the peer's FIN in time")
	b.count("time_wait", p.client.standing(linux.DiagTimeWait), "TIME_WAIT")
	b.count("fin_wait_2", p.client.standing(linux.DiagFinWait2), "orphaned FIN_WAIT2")
}

func clients(conns []*conn) (fds []int) {
	for _, c := range conns {
		fds = append(fds, c.client)
	}
	return fds
}
