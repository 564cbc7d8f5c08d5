//go:build linux

package facts

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"twomsl/internal/linux"
)

// tcp_tw_reuse on the side that accepts and closes first changes nothing about its TIME_WAIT.
func TestNetNSReuseIsNothingForAServer(t *testing.T) {
	t.Parallel()
	const n = 200
	for _, value := range []string{"0", "1"} {
		p := newPair(t)
		p.server.set(reuse, value)
		p.server.has(delay)
		p.server.set(delay, allowReuse)
		l := p.serve(80)
		for i := range uint16(n) {
			l.open(bindTo(p.client.address, 40000+i)).serverFirst()
		}
		p.server.stands(inTimeWait(n))
		equal(t, "TWRecycled of the server with tcp_tw_reuse="+value, p.server.counter("TcpExt.TWRecycled"), 0)
	}
}

// With tcp_fin_timeout above 60 an orphaned FIN_WAIT2 lives twice what is above 60: the kernel waits for that time, and
// then makes a mini-socket of it for the same time once more.
func TestNetNSFinWait2LifeAboveAMinute(t *testing.T) {
	t.Parallel()
	const n = 10
	long, short := newPair(t), newPair(t)
	long.client.set("net.ipv4.tcp_fin_timeout", "60")
	short.client.set("net.ipv4.tcp_fin_timeout", "61")
	var begin time.Time
	for _, p := range []*pair{long, short} {
		l := p.serve(80)
		for range n {
			c := l.open()
			begin = time.Now()
			c.closeClient() // and the server stays
		}
	}
	short.client.stands(nothing)
	if lived := time.Since(begin); lived < 2*time.Second {
		t.Errorf("with 61 gone after %v", lived)
	} else {
		t.Logf("with 61 gone after %v", lived)
	}
	long.client.stands(map[uint8]int{linux.DiagFinWait2: n})
}

// tcp_max_tw_buckets leaves those alone that stand already.
func TestNetNSBucketsLeaveWhatStands(t *testing.T) {
	t.Parallel()
	const n, limit, more = 100, "20", 10
	p := newPair(t)
	l := p.serve(80)
	l.churn(n, (*conn).clientFirst)
	p.client.stands(inTimeWait(n))
	p.client.set("net.ipv4.tcp_max_tw_buckets", limit)
	l.churn(more, (*conn).clientFirst)
	p.client.stands(inTimeWait(n))
	equal(t, "TCPTimeWaitOverflow", p.client.counter("TcpExt.TCPTimeWaitOverflow"), more)
}

// A port that connect() chose cannot be listened at, on that address or on all, while the connection or its TIME_WAIT stands, whether
// the listener sets SO_REUSEADDR or not: a service that starts later finds its port taken.
func TestNetNSOutgoingPortBlocksListener(t *testing.T) {
	t.Parallel()
	for version, pair := range families {
		for _, left := range []string{"ESTABLISHED", "TIME_WAIT"} {
			p := pair(t)
			p.client.set("net.ipv4.ip_local_port_range", "8080 8080")
			c := p.serve(80).open()
			equal(t, "the port of connect()", int(c.port), 8080)
			var own linux.Sockaddr
			ok(t, "getsockname", linux.LocalAddr(c.client, &own))
			if left == "TIME_WAIT" {
				c.clientFirst()
				p.client.stands(inTimeWait(1))
			}
			anywhere := netip.IPv4Unspecified()
			if p.client.address.Is6() {
				anywhere = netip.IPv6Unspecified()
			}
			for _, a := range []netip.Addr{own.AddrPort().Addr(), anywhere} {
				for name, how := range map[string][]option{"plain": nil, "SO_REUSEADDR": {reuseAddr}} {
					if e := p.client.listens(netip.AddrPortFrom(a, 8080), how); e != linux.EADDRINUSE {
						t.Errorf("%s, at %s over %s, %s: %v; expected EADDRINUSE", version, a, left, name, e)
					}
				}
			}
		}
	}
}

func (s *side) listens(at netip.AddrPort, how []option) linux.Errno {
	s.t.Helper()
	fd := s.socket()
	defer s.close(fd)
	for _, f := range append(how[:len(how):len(how)], bindTo(at.Addr(), at.Port())) {
		if e := f(fd); e != 0 {
			return e
		}
	}
	return linux.Listen(fd, 128)
}

// The second value of tcp_rmem and of tcp_wmem is a new socket's buffer.
func TestNetNSBufferDefaults(t *testing.T) {
	t.Parallel()
	p := newLoopback(t)
	p.client.set("net.ipv4.tcp_rmem", "4096 200000 6291456")
	p.client.set("net.ipv4.tcp_wmem", "4096 30000 4194304")
	fd := p.client.socket()
	for name, want := range map[int]int{syscall.SO_RCVBUF: 200000, syscall.SO_SNDBUF: 30000} {
		got, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, name)
		must(t, err)
		equal(t, "buffer of a new socket", got, want)
	}
}

// With tcp_slow_start_after_idle=1 a connection that was idle begins again with a small window, with 0 it keeps the one
// that it had. That is so for reno and cubic; bbr has a control of its own and does not look.
func TestNetNSSlowStartAfterIdle(t *testing.T) {
	t.Parallel()
	const initial = 10 // TCP_INIT_CWND
	for value, keeps := range map[string]bool{"0": true, "1": false} {
		p := newPair(t)
		p.client.set("net.ipv4.tcp_congestion_control", "reno")
		p.client.set("net.ipv4.tcp_slow_start_after_idle", value)
		c := p.serve(80).open()
		for range 200 {
			writeAll(t, c.client, 20_000)
			swallow(t, c.server, 20_000)
		}
		grown := window(t, c.client)
		if grown <= initial {
			t.Fatalf("the window is %d: it did not grow", grown)
		}
		time.Sleep(1500 * time.Millisecond) // far more than a retransmission timeout here
		writeAll(t, c.client, 1)
		if now := window(t, c.client); now == grown != keeps {
			t.Errorf("tcp_slow_start_after_idle=%s: the window is %d after the pause, and was %d", value, now, grown)
		}
	}
}

func swallow(t testing.TB, fd, n int) {
	t.Helper()
	for n > 0 {
		got, e := read(t, fd)
		ok(t, "read", e)
		n -= got
	}
}

// window is the congestion window in segments.
func window(t testing.TB, fd int) int {
	t.Helper()
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	must(t, err)
	return int(info.Snd_cwnd)
}

// nf_conntrack_tcp_timeout_time_wait is how long connection tracking remembers a connection in TIME_WAIT; the socket's
// own timer shows its 60 s all the same.
func TestNetNSConntrackTimeoutIsNotTheSockets(t *testing.T) {
	t.Parallel()
	const seconds = 20
	p := newPair(t)
	p.client.has("net.netfilter.nf_conntrack_tcp_timeout_time_wait")
	p.client.track()
	p.client.set("net.netfilter.nf_conntrack_tcp_timeout_time_wait", "20")
	p.serve(80).open().clientFirst()
	p.client.stands(inTimeWait(1))
	p.client.enter()
	flows, err := netlink.ConntrackTableList(netlink.ConntrackTable, netlink.InetFamily(syscall.AF_INET))
	must(t, err)
	if len(flows) != 1 {
		t.Fatalf("%d flows are remembered: %v", len(flows), flows)
	}
	if left := flows[0].TimeOut; left > seconds || left == 0 {
		t.Errorf("remembered for %d s more, %d was set", left, seconds)
	}
	p.client.each(1<<linux.DiagTimeWait, func(r *linux.DiagRow) {
		if left := time.Duration(r.ExpiresMS) * time.Millisecond; left < timeWaitLen-patience {
			t.Errorf("the socket has %v left", left)
		}
	})
}

// track turns connection tracking on: a rule that asks for it does.
func (s *side) track() {
	s.t.Helper()
	s.enter()
	c, err := nftables.New()
	must(s.t, err)
	table := c.AddTable(&nftables.Table{Name: "track", Family: nftables.TableFamilyINet})
	chain := c.AddChain(&nftables.Chain{
		Name: "out", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter,
	})
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{&expr.Ct{Register: 1, Key: expr.CtKeySTATE}}})
	if err := c.Flush(); err != nil {
		s.t.Skipf("this kernel tracks no connections: %v", err)
	}
}
