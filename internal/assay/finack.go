//go:build linux

package assay

import (
	"twomsl/internal/lab"
	"twomsl/internal/linux"
)

// fin-ack: the peer's acknowledgement of a FIN comes alone, or, its bare ACK held back, together with its own FIN.
func init() {
	register("fin-ack", map[string]string{"ack": "held", "each": "20"}, finAck)
}

func finAck(b *bench) {
	p := b.pair()
	n := b.number("each")
	l := p.serve(80, 128)
	var conns []*conn
	for range n {
		conns = append(conns, l.dial())
	}
	if b.is("ack", "held") {
		p.server.enter()
		if err := lab.SetHolds([]lab.Hold{{Segment: lab.ACK, LocalPort: 80}}); err != nil {
			b.cannot("%w", err)
		}
	}
	for _, c := range conns {
		c.closeClient()
		b.eof(c.server)
	}
	states := func() (fin1, fin2 int) {
		return p.client.standing(linux.DiagFinWait1), p.client.standing(linux.DiagFinWait2)
	}
	var one, two int
	b.wait("the FINs are out", func() bool {
		one, two = states()
		return one+two == n && (b.is("ack", "held") || two == n)
	})
	b.count("each", n, "connections")
	b.count("fin_wait_1", one, "in FIN_WAIT1 once the peer had read the FIN")
	b.count("fin_wait_2", two, "in FIN_WAIT2 then")
	for _, c := range conns {
		c.closeServer()
		_, two = states()
		b.out.Figures[2].Value = max(b.out.Figures[2].Value, float64(two))
	}
	b.wait("TIME_WAIT", func() bool { return p.client.standing(linux.DiagTimeWait) == n })
	b.count("time_wait", n, "TIME_WAIT")
}
