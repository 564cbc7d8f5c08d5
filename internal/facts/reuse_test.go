//go:build linux

package facts

import (
	"testing"
	"time"

	"twomsl/internal/linux"
)

const (
	reuse = "net.ipv4.tcp_tw_reuse"
	delay = "net.ipv4.tcp_tw_reuse_delay"
	// refuseReuse and allowReuse are the longest delay there is, in milliseconds, and the shortest.
	refuseReuse, allowReuse = "60000", "1"
)

// connect() takes a TIME_WAIT over with tcp_tw_reuse=1 anywhere, with 2 over loopback only, with 0 nowhere.
func TestNetNSReuse(t *testing.T) {
	t.Parallel()
	const n = 200
	for name, c := range map[string]struct {
		make  func(testing.TB) *pair
		value string
		had   int
	}{
		"0 over veth": {newPair, "0", 0}, "1 over veth": {newPair, "1", n}, "2 over veth": {newPair, "2", 0},
		"0 over lo": {newLoopback, "0", 0}, "1 over lo": {newLoopback, "1", n}, "2 over lo": {newLoopback, "2", n},
	} {
		p := c.make(t)
		l := p.full(n)
		time.Sleep(1100 * time.Millisecond) // the default tcp_tw_reuse_delay, and older kernels' fixed one, is 1 s
		p.client.set(reuse, c.value)
		l.takesHeld("tcp_tw_reuse="+name, c.had)
		equal(t, name+": TWRecycled", p.client.counter("TcpExt.TWRecycled"), c.had)
	}
}

// full makes a range of n ports and takes every one with a TIME_WAIT.
func (p *pair) full(n int) *service {
	p.t.Helper()
	p.client.set(reuse, "0")
	p.clientRange(40000, 40000+n-1)
	l := p.serve(80)
	l.takes("filling the range", n, linux.EADDRNOTAVAIL)
	p.client.stands(inTimeWait(n))
	return l
}

// takesHeld is takes with connections that stay open, so that none of their ports can be had again, and
// EADDRNOTAVAIL at the end.
func (l *service) takesHeld(what string, n int) {
	l.t.Helper()
	for had := 0; ; had++ {
		_, e := l.try()
		if e == 0 && had < n {
			continue
		}
		if had != n || e != linux.EADDRNOTAVAIL {
			l.t.Errorf("%s: %d connections, then %v; expected %d, then EADDRNOTAVAIL", what, had, e, n)
		}
		return
	}
}

func (p *pair) reuseAtOnce() {
	p.t.Helper()
	p.client.has(delay)
	p.client.set(delay, allowReuse)
	time.Sleep(2 * time.Millisecond)
}

// tcp_tw_reuse_delay is the age, in milliseconds, that a TIME_WAIT must have; 0 and more than a minute are refused.
func TestNetNSReuseDelay(t *testing.T) {
	t.Parallel()
	const n = 200
	p := newPair(t)
	p.client.has(delay)
	l := p.full(n)
	p.client.set(reuse, "1")
	p.client.set(delay, refuseReuse)
	l.takesHeld("a delay of 60 s", 0)
	p.client.set(delay, "300")
	time.Sleep(310 * time.Millisecond)
	l.takesHeld("a delay of 300 ms, waited for", n)
	equal(t, "TWRecycled", p.client.counter("TcpExt.TWRecycled"), n)
	for _, bad := range []string{"0", "60001"} {
		p.client.enter()
		if e := writeFile("/proc/sys/net/ipv4/tcp_tw_reuse_delay", bad); e != linux.Errno(22) { // EINVAL
			t.Errorf("a delay of %s: %v, expected EINVAL", bad, e)
		}
	}
}

// A TIME_WAIT whose connection had no timestamps is not taken over; either side can be the cause.
func TestNetNSReuseNeedsTimestamps(t *testing.T) {
	t.Parallel()
	const n = 100
	for name, without := range map[string]func(*pair) *side{
		"client": func(p *pair) *side { return p.client },
		"server": func(p *pair) *side { return p.server },
	} {
		p := newPair(t)
		without(p).set("net.ipv4.tcp_timestamps", "0")
		l := p.full(n)
		p.client.set(reuse, "1")
		p.reuseAtOnce()
		l.takesHeld("no timestamps on the "+name, 0)
		without(p).set("net.ipv4.tcp_timestamps", "1")
		l.takesHeld("timestamps now, but not then, on the "+name, 0)
		equal(t, name+": TWRecycled", p.client.counter("TcpExt.TWRecycled"), 0)
	}
}
