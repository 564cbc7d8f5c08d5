//go:build linux

package assay

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"twomsl/internal/linux"
)

// life times sockets of the side that closes first: TIME_WAIT where the peer closes, an orphaned FIN_WAIT2 where it stays.
// One socket tells nothing, since the kernel rounds the timer up to a step of its wheel: they are begun evenly over two
// steps.
func init() {
	register("life", map[string]string{"sockets": "300", "fin_timeout": "default", "peer": "closes"}, life)
}

const timeWaitLen = 60 * time.Second // TCP_TIMEWAIT_LEN

// span is what can be said for certain of one socket's life, however slow this machine is.
type span struct{ notBefore, notAfter, seen, gone time.Time }

func (s *span) middle() time.Duration { return (s.seen.Sub(s.notAfter) + s.gone.Sub(s.notBefore)) / 2 }
func (s *span) doubt() time.Duration  { return s.gone.Sub(s.notBefore) - s.seen.Sub(s.notAfter) }

func life(b *bench) {
	p := b.pair()
	p.client.setWhereSaid("net.ipv4.tcp_fin_timeout", "fin_timeout")
	state, expected := linux.DiagTimeWait, timeWaitLen
	if b.is("peer", "stays") {
		state = linux.DiagFinWait2
		n, err := strconv.Atoi(p.client.get("net.ipv4.tcp_fin_timeout"))
		b.must("tcp_fin_timeout", err)
		expected = time.Duration(n) * time.Second
	}
	hz, err := linux.TickHZ()
	b.must("HZ", err)
	step := linux.TimerWheelStep(hz, expected)
	l := p.serve(80, 128)
	spans := b.spread(l, 2*step, state)
	b.watch(p.client, spans, state, expected-time.Second)
	b.tellLives(spans)
	b.put("step", step.Seconds(), "s")
}

// spread begins the sockets, evenly over a time.
func (b *bench) spread(l *service, over time.Duration, state uint8) map[uint16]*span {
	n := max(2, b.number("sockets"))
	spans := map[uint16]*span{}
	start := time.Now()
	for i := range n {
		time.Sleep(time.Until(start.Add(over * time.Duration(i) / time.Duration(n-1))))
		c := l.dial()
		var s span
		if state == linux.DiagFinWait2 {
			s.notBefore = time.Now()
			c.closeClient()
		} else {
			c.closeClient()
			b.eof(c.server)
			s.notBefore = time.Now() // it is the server's FIN that makes the TIME_WAIT
			c.closeServer()
		}
		b.wait("the socket gets there", func() bool { return l.client.portsIn(state)[c.port] })
		s.notAfter = time.Now()
		s.seen = s.notAfter
		spans[c.port] = &s
	}
	return spans
}

// watch looks until all have gone: every 20 ms once the first has the given age.
func (b *bench) watch(h *host, spans map[uint16]*span, state uint8, after time.Duration) {
	first, last := time.Now(), time.Time{}
	for _, s := range spans {
		if s.notBefore.Before(first) {
			first = s.notBefore
		}
		if s.notAfter.After(last) {
			last = s.notAfter
		}
	}
	time.Sleep(time.Until(first.Add(after)))
	for ; ; time.Sleep(20 * time.Millisecond) {
		before := time.Now()
		found := h.portsIn(state)
		now := time.Now()
		standing := 0
		for port, s := range spans {
			switch { // a dump is not atomic: who shows up again was not gone
			case found[port]:
				s.seen, s.gone = before, time.Time{}
				standing++
			case s.gone.IsZero():
				s.gone = now
			}
		}
		if standing == 0 {
			return
		}
		if now.Sub(last) > after+patience {
			b.fail("%d of %d sockets still stand %v after the last one began", standing, len(spans), now.Sub(last))
		}
	}
}

// sharp is the share of the sockets that are told of: those whose life is known best, whatever it was.
const sharp = 0.8

func (b *bench) tellLives(spans map[uint16]*span) {
	all := slices.SortedFunc(maps.Values(spans), func(a, c *span) int { return cmp.Compare(a.doubt(), c.doubt()) })
	known := all[:max(2, int(sharp*float64(len(all))))]
	var lives []float64
	sum, least, most := 0.0, math.Inf(1), 0.0
	for _, s := range known {
		v := s.middle().Seconds()
		lives = append(lives, v)
		sum += v
		least, most = min(least, v+s.doubt().Seconds()/2), max(most, v-s.doubt().Seconds()/2)
	}
	slices.Sort(lives)
	b.count("sockets", len(lives), "sockets")
	b.put("least", lives[0], "s")
	b.put("mean", sum/float64(len(lives)), "s")
	b.put("most", lives[len(lives)-1], "s")
	b.put("least_at_most", least, "s: no life is known to be shorter")
	b.put("most_at_least", most, "s: no life is known to be longer")
	b.put("doubt", known[len(known)-1].doubt().Seconds()/2, "s, either way, of the one that is known worst")
}
