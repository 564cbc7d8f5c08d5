//go:build linux

package assay

import (
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/sample"
)

// idle: many open connections over which a few requests a second go, against as many requests that each open a
// connection and close it.
func init() {
	register("idle", map[string]string{"open": "5000", "rate": "150", "for_ms": "3000", "keep": "yes"}, idle)
}

// spare descriptors are left for what else there is.
const spare = 200

func idle(b *bench) {
	p := b.pair()
	l := p.serve(80, 4096)
	n, rate := b.number("open"), b.number("rate")
	_, most, err := linux.NoFile() // both ends are this process's
	b.must("descriptors", err)
	n = min(n, int(most)/2-spare)
	requests := rate * b.number("for_ms") / 1000
	var conns []*conn
	if b.is("keep", "yes") {
		for range n {
			conns = append(conns, l.dial())
		}
	}
	answered := 0
	for i, begin := 0, time.Now(); i < requests; i++ {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		var c *conn
		if b.is("keep", "yes") {
			c = conns[i*7%n]
		} else {
			c = l.dial()
		}
		b.write(c.client, []byte("GET"))
		b.read(c.server, 3)
		b.write(c.server, []byte("200"))
		b.read(c.client, 3)
		answered++
		if !b.is("keep", "yes") {
			c.serverFirst()
		}
	}
	b.count("open", p.server.standing(linux.DiagEstablished), "open connections on the server")
	b.count("requests", requests, "requests")
	b.count("answered", answered, "answered")
	b.count("rate", rate, "requests/s")
	b.count("time_wait", p.server.standing(linux.DiagTimeWait), "TIME_WAIT on the server")
	if each, err := sample.SocketBytes(false); err != nil {
		b.text("what an open socket takes cannot be read: %v", err)
	} else {
		b.put("memory", float64(each), "bytes for each open socket, in the kernel")
	}
}
