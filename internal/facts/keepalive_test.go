//go:build linux

package facts

import (
	"syscall"
	"testing"
	"time"

	"twomsl/internal/linux"
)

// keepAlive asks after a second, and twice.
func keepAlive(fd int) linux.Errno {
	for _, f := range []option{
		sockopt(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1),
		sockopt(syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 1),
		sockopt(syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 1),
		sockopt(syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 2),
	} {
		if e := f(fd); e != 0 {
			return e
		}
	}
	return 0
}

// The peer has vanished: with SO_KEEPALIVE an idle connection ends with ETIMEDOUT after TCP_KEEPIDLE + TCP_KEEPCNT *
// TCP_KEEPINTVL; without it nothing ever tells, and the socket stays ESTABLISHED.
func TestNetNSKeepAliveFindsVanishedPeer(t *testing.T) {
	t.Parallel()
	const n, least = 20, 3 * time.Second
	type trial struct {
		version string
		p       *pair
		fds     []int
		begin   time.Time
	}
	var trials []trial
	for version, pair := range families {
		x := trial{version: version, p: pair(t)}
		l := x.p.serve(80)
		for range n {
			l.open()
			x.begin = time.Now()
			x.fds = append(x.fds, l.open(keepAlive).client)
		}
		x.p.cut()
		trials = append(trials, x)
	}
	for _, x := range trials {
		x.p.client.stands(map[uint8]int{linux.DiagEstablished: n})
		const early = 20 * time.Millisecond // the kernel counts in ticks, and rounds
		if lasted := time.Since(x.begin); lasted < least-early {
			t.Errorf("%s: ended after %v, %v was asked for", x.version, lasted, least)
		}
		for _, fd := range x.fds {
			if got, e := read(t, fd); got != 0 || e != linux.ETIMEDOUT {
				t.Fatalf("%s: read: %d bytes, %v; expected ETIMEDOUT", x.version, got, e)
			}
		}
		x.p.server.stands(map[uint8]int{linux.DiagEstablished: 2 * n})
		equal(t, x.version+": TCPKeepAlive", x.p.client.counter("TcpExt.TCPKeepAlive"), 2*n)
		equal(t, x.version+": TCPAbortOnTimeout", x.p.client.counter("TcpExt.TCPAbortOnTimeout"), n)
		equal(t, x.version+": OutRsts", x.p.client.counter("Tcp.OutRsts"), n)
		equal(t, x.version+": TW", x.p.client.counter("TcpExt.TW"), 0)
	}
}
