//go:build linux

package facts

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"twomsl/internal/linux"
)

// timeWaitLen is TCP_TIMEWAIT_LEN.
const timeWaitLen = 60 * time.Second

// span is what can be said for certain of one socket's life, however slow this machine is: it began between two
// moments, was seen later, and was gone still later.
type span struct{ notBefore, notAfter, seen, gone time.Time }

func (s *span) atLeast() time.Duration { return s.seen.Sub(s.notAfter) }
func (s *span) atMost() time.Duration  { return s.gone.Sub(s.notBefore) }

// TIME_WAIT lives 60 s and up to one step of the timer wheel, whatever tcp_fin_timeout is.
//
// The sockets are made before the other tests of this package run, and watched beside them.
func TestNetNSTimeWaitLife(t *testing.T) {
	const n = 260
	p := newPair(t)
	p.client.set("net.ipv4.tcp_fin_timeout", "5")
	l := p.serve(80)
	step := wheelStep(t, timeWaitLen)
	spans := p.client.spread(n, 2*step, linux.DiagTimeWait, func(begin func()) uint16 {
		c := l.open()
		c.closeClient()
		eof(t, c.server)
		begin() // it is the server's FIN that makes the TIME_WAIT
		c.closeServer()
		return c.port
	})
	ended := make(chan error, 1)
	go func() { ended <- watch(p.client.diag, spans, linux.DiagTimeWait, timeWaitLen-time.Second) }()
	t.Parallel() // pauses, which the watch does not
	must(t, <-ended)
	checkLives(t, spans, timeWaitLen, step)
}

// An orphaned FIN_WAIT2 lives tcp_fin_timeout and up to one step of the timer wheel.
func TestNetNSFinWait2Life(t *testing.T) {
	t.Parallel()
	const n, life = 60, 5 * time.Second
	p := newPair(t)
	p.client.set("net.ipv4.tcp_fin_timeout", "5")
	l := p.serve(80)
	step := wheelStep(t, life)
	spans := p.client.spread(n, 2*step, linux.DiagFinWait2, func(begin func()) uint16 {
		c := l.open()
		begin()
		c.closeClient() // and the server stays
		return c.port
	})
	must(t, watch(p.client.diag, spans, linux.DiagFinWait2, life-time.Second))
	checkLives(t, spans, life, step)
	p.client.stands(nothing) // it ends there: no TIME_WAIT follows
}

func wheelStep(t *testing.T, life time.Duration) time.Duration {
	t.Helper()
	hz, err := linux.TickHZ()
	must(t, err)
	return linux.TimerWheelStep(hz, life)
}

// spread makes n sockets in a state, evenly over a time, and notes when each began. make tells when it cannot have
// begun yet, and gives the socket's port.
func (s *side) spread(n int, over time.Duration, state uint8, make func(begin func()) uint16) map[uint16]*span {
	s.t.Helper()
	spans := map[uint16]*span{}
	start := time.Now()
	for i := range n {
		time.Sleep(time.Until(start.Add(over * time.Duration(i) / time.Duration(n-1))))
		var l span
		port := make(func() { l.notBefore = time.Now() })
		if !until(func() bool { return s.ports(state)[port] }) {
			s.t.Fatalf("the socket at port %d never came to state %d: %v", port, state, s.states())
		}
		l.notAfter = time.Now()
		spans[port] = &l
	}
	return spans
}

// ports are those of the mini-sockets in a state.
func (s *side) ports(state uint8) map[uint16]bool {
	s.t.Helper()
	found, err := minis(s.diag, state)
	must(s.t, err)
	return found
}

func minis(d *linux.Diag, state uint8) (ports map[uint16]bool, err error) {
	ports = map[uint16]bool{}
	err = d.Dump(linux.DiagQuery{States: 1 << state}, func(r *linux.DiagRow) {
		if r.Timer == linux.DiagTimerTimeWait {
			ports[r.SourcePort] = true
		}
	})
	return ports, err
}

// watch looks until all have gone: every 50 ms once the first has the given age. It may run on any goroutine.
func watch(d *linux.Diag, spans map[uint16]*span, state uint8, after time.Duration) error {
	first := time.Now()
	for _, l := range spans {
		l.seen = l.notAfter
		first = earlier(first, l.notBefore)
	}
	time.Sleep(time.Until(first.Add(after)))
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		standing, err := look(d, spans, state)
		if err != nil || standing == 0 {
			return err
		}
		if time.Since(begin) > patience {
			return fmt.Errorf("%d of %d sockets are still in state %d", standing, len(spans), state)
		}
	}
}

// look notes who is there and who is not. A dump is not atomic: who shows up again was not gone.
func look(d *linux.Diag, spans map[uint16]*span, state uint8) (standing int, err error) {
	before := time.Now()
	found, err := minis(d, state)
	after := time.Now()
	for port, l := range spans {
		switch {
		case found[port]:
			l.seen, l.gone = before, time.Time{}
			standing++
		case l.gone.IsZero():
			l.gone = after
		}
	}
	return standing, err
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// checkLives fails for what cannot have been a life of least to least + step. The slack is for timers that run late
// because the processor is busy.
func checkLives(t *testing.T, spans map[uint16]*span, least, step time.Duration) {
	t.Helper()
	const slack = 500 * time.Millisecond
	var sharp []float64
	for port, l := range spans {
		if l.atMost() < least || l.atLeast() > least+step+slack {
			t.Errorf("port %d lived %v to %v; expected %v to %v", port, l.atLeast(), l.atMost(), least, least+step)
		}
		if l.atMost()-l.atLeast() < step/2 {
			sharp = append(sharp, (l.atLeast()+l.atMost()).Seconds()/2)
		}
	}
	if len(sharp) < len(spans)/2 {
		t.Logf("this machine is too busy to tell how the lives spread: only %d of %d are known", len(sharp), len(spans))
		return
	}
	slices.Sort(sharp)
	sum := 0.0
	for _, life := range sharp {
		sum += life
	}
	shortest, longest := sharp[0], sharp[len(sharp)-1]
	t.Logf("%d lives: least %.3f s, mean %.3f s, most %.3f s; one step is %v",
		len(sharp), shortest, sum/float64(len(sharp)), longest, step)
	if longest-shortest < step.Seconds()/2 {
		t.Errorf("all lives are within %.3f s: the timer wheel's step of %v does not show", longest-shortest, step)
	}
}
