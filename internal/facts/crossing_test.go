//go:build linux

package facts

import (
	"testing"

	"twomsl/internal/linux"
)

// When the FINs cross, both sides end in TIME_WAIT: one connection, two. Here the link loses the first FIN of both.
func TestNetNSCrossingFINsLeaveTwoTimeWait(t *testing.T) {
	t.Parallel()
	const n = 50
	for version, pair := range families {
		for name, halfClose := range map[string]bool{"close()": false, "shutdown(), read to the end, close()": true} {
			p := pair(t)
			l := p.serve(80)
			var open []*conn
			for range n {
				open = append(open, l.open())
			}
			p.cut()
			for _, c := range open {
				if halfClose {
					ok(t, "shutdown", linux.ShutdownWrite(c.client))
					ok(t, "shutdown", linux.ShutdownWrite(c.server))
				} else {
					c.closeClient()
					c.closeServer()
				}
			}
			both := map[uint8]int{linux.DiagFinWait1: n}
			p.client.stands(both) // neither has seen the other's FIN
			p.server.stands(both)
			p.mend()
			if halfClose {
				for _, c := range open {
					eof(t, c.client)
					eof(t, c.server)
					c.closeClient()
					c.closeServer()
				}
			}
			p.client.stands(inTimeWait(n))
			p.server.stands(inTimeWait(n))
			what := version + ", " + name + ": "
			equal(t, what+"TW of the client", p.client.counter("TcpExt.TW"), n)
			equal(t, what+"TW of the server", p.server.counter("TcpExt.TW"), n)
			equal(t, what+"RST of both", p.client.counter("Tcp.OutRsts")+p.server.counter("Tcp.OutRsts"), 0)
		}
	}
}
