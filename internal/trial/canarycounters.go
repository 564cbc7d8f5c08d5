//go:build linux

package trial

import (
	"twomsl/internal/record"
)

// An answered call moves the same counters every time, of the host that calls and of the one that is called. What these
// tables name is taken out of the record's counters again; segments and bytes (Tcp.InSegs, Tcp.OutSegs, IpExt, Udp) are
// not, nor is what a call moved that was not answered: that is trouble of the host's own.

// moved is what one answered call moves.
type moved struct{ caller, called map[string]int64 }

var movedBy = map[string]moved{
	sshCanary: {
		caller: map[string]int64{
			"Tcp.ActiveOpens": 1, "Tcp.EstabResets": 1, "Tcp.OutRsts": 1, "TcpExt.TCPAbortOnData": 1,
		},
		called: map[string]int64{"Tcp.PassiveOpens": 1, "Tcp.EstabResets": 1},
	},
	dnsCanary: {},
	secondCanary: {
		caller: map[string]int64{
			"Tcp.ActiveOpens": 1, "Tcp.EstabResets": 1, "Tcp.OutRsts": 1, "TcpExt.TCPAbortOnData": 1,
		},
		called: map[string]int64{"Tcp.AttemptFails": 1, "TcpExt.EmbryonicRsts": 1},
	},
}

func init() { movedBy[tupleCanary] = movedBy[secondCanary] }

// wholeHandshake is what a bare handshake moves of the called host where it came to its end.
var wholeHandshake = map[string]int64{"Tcp.PassiveOpens": 1, "Tcp.EstabResets": 1}

// countMoved adds up what the answered calls of one canary have moved, whole of them with a whole handshake.
func (r *run) countMoved(by *side, c record.Canary, answered, whole int64) {
	m := movedBy[c.Name]
	called := r.moved(r.calledBy(by, c))
	add(r.moved(by), m.caller, answered)
	add(called, m.called, answered-whole)
	add(called, wholeHandshake, whole)
}

func add(sum, one map[string]int64, times int64) {
	for name, n := range one {
		sum[name] += n * times
	}
}

// calledBy is the side that a canary's service stands on.
func (r *run) calledBy(by *side, c record.Canary) *side {
	other := r.server
	if by == r.server {
		other = r.client
	}
	if c.From == fromHost && (c.Name == sshCanary || c.Name == dnsCanary) {
		return by
	}
	return other
}

func (r *run) moved(s *side) map[string]int64 {
	m := &r.canaries.moved.Client
	if s == r.server {
		m = &r.canaries.moved.Server
	}
	if *m == nil {
		*m = map[string]int64{}
	}
	return *m
}

// takeOutCanaries takes what the canaries moved out of either side's counters.
func (r *run) takeOutCanaries() {
	for _, s := range []*side{r.client, r.server} {
		if s.result == nil {
			continue
		}
		for name, n := range r.moved(s) {
			if _, counted := s.result.Counters[name]; counted {
				s.result.Counters[name] -= n
			}
		}
	}
}
