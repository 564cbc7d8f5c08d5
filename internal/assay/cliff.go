//go:build linux

package assay

import (
	"slices"
	"time"

	"twomsl/internal/linux"
)

// cliff: what a connect() costs on a host that holds TIME_WAIT of its own connects, or of those that came to it, against
// one to and from a host without any.
func init() {
	register("cliff", map[string]string{"holder": "client", "own_range": "no", "low": "32768", "high": "40959"}, cliff)
}

func cliff(b *bench) {
	p := b.pair()
	low, high := b.number("low"), b.number("high")
	p.client.set("net.ipv4.ip_local_port_range", b.arguments["low"]+" "+b.arguments["high"])
	p.client.set("net.ipv4.tcp_tw_reuse", "0")
	l := p.serve(80, 128)
	empty := l.costs(low, high)
	half := (high - low + 1) / 2
	for range half - 50 { // those of costs have taken some
		c := l.dial()
		if b.is("holder", "client") {
			c.clientFirst()
		} else {
			c.serverFirst()
		}
	}
	for range 200 { // past half of the range, or replaced where the server holds them
		c := l.dial()
		if b.is("holder", "client") {
			c.clientFirst()
		} else {
			c.serverFirst()
		}
	}
	b.count("held_client", p.client.standing(linux.DiagTimeWait), "TIME_WAIT on the client")
	b.count("held_server", p.server.standing(linux.DiagTimeWait), "TIME_WAIT on the server")
	b.count("range", high-low+1, "ports")
	b.put("empty", empty, "us")
	b.put("holding", l.costs(low, high), "us")
}

// costs is the median time of a connect(), in microseconds.
func (l *service) costs(low, high int) float64 {
	const n = 31
	var took []time.Duration
	for range n {
		fd := l.client.socket()
		if l.b.is("own_range", "yes") {
			l.b.ok("IP_LOCAL_PORT_RANGE", linux.SetLocalPortRange(fd, low, high))
		}
		begin := time.Now()
		e := l.start(fd)
		took = append(took, time.Since(begin))
		l.b.ok("connect", e)
		server := l.accept()
		l.b.ok("SO_LINGER", linux.SetLinger(fd, 0))
		l.client.close(fd)
		l.server.close(server)
	}
	slices.Sort(took)
	return float64(took[n/2].Nanoseconds()) / 1e3
}
