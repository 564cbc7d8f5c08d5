//go:build linux

package facts

import (
	"syscall"
	"testing"

	"twomsl/internal/linux"
)

// TCP_FASTOPEN_CONNECT: the first connection to a server asks for a cookie and is an ordinary one otherwise. Once the
// cookie is known connect() gives 0 and sends nothing; the SYN goes with the first write, which takes the data in
// SYN_SENT, and the server has it before the handshake ends.
func TestNetNSFastOpen(t *testing.T) {
	t.Parallel()
	const n, size = 30, 100
	for version, pair := range families {
		p := pair(t)
		p.client.set("net.ipv4.tcp_fastopen", "1")
		p.server.set("net.ipv4.tcp_fastopen", "3")
		l := p.serve(80)
		ok(t, "TCP_FASTOPEN", sockopt(syscall.IPPROTO_TCP, tcpFastOpen, 100)(l.fd))
		to := linux.NewSockaddr(l.at)
		client := func(want linux.Errno) int {
			fd := p.client.socket()
			ok(t, "TCP_FASTOPEN_CONNECT", sockopt(syscall.IPPROTO_TCP, tcpFastOpenConnect, 1)(fd))
			if e := linux.Connect(fd, &to); e != want {
				t.Fatalf("%s: connect: %v, expected %v", version, e, want)
			}
			return fd
		}
		// A plain connection before: the neighbour is known then. A SYN that is sent again no longer asks for a cookie.
		plain := p.client.socket()
		if e := linux.Connect(plain, &to); e != linux.EINPROGRESS {
			t.Fatalf("%s: plain connect: %v", version, e)
		}
		becomes(t, plain, linux.DiagEstablished)
		becomes(t, client(linux.EINPROGRESS), linux.DiagEstablished)
		equal(t, version+": TCPFastOpenCookieReqd", p.server.counter("TcpExt.TCPFastOpenCookieReqd"), 1)
		equal(t, version+": TCPFastOpenActive, no cookie yet", p.client.counter("TcpExt.TCPFastOpenActive"), 0)

		p.cut() // so that what is done in SYN_SENT can be looked at
		idle := p.client.counter("Tcp.OutSegs")
		silent := client(0)
		equal(t, version+": segments sent by connect()", p.client.counter("Tcp.OutSegs")-idle, 0)
		equal(t, version+": state after connect()", int(tcpState(t, silent)), int(linux.DiagSynSent))
		if got, e := linux.Read(silent, make([]byte, 1)); got != 0 || e != linux.EAGAIN {
			t.Errorf("%s: a read before any write: %d bytes, %v; expected EAGAIN", version, got, e)
		}
		equal(t, version+": segments sent by then", p.client.counter("Tcp.OutSegs")-idle, 0)
		p.client.close(silent)
		equal(t, version+": segments sent by close()", p.client.counter("Tcp.OutSegs")-idle, 0)

		waiting := client(0)
		writeAll(t, waiting, size)
		if _, e := linux.Write(waiting, make([]byte, size)); e != linux.EAGAIN {
			t.Errorf("%s: a second write in SYN_SENT: %v, expected EAGAIN", version, e)
		}
		equal(t, version+": state after the write", int(tcpState(t, waiting)), int(linux.DiagSynSent))
		p.mend()
		becomes(t, waiting, linux.DiagEstablished)
		active, passive := p.client.counter("TcpExt.TCPFastOpenActive"), p.server.counter("TcpExt.TCPFastOpenPassive")

		for range n {
			writeAll(t, client(0), size)
		}
		p.client.stands(map[uint8]int{linux.DiagEstablished: n + 3})
		p.server.stands(map[uint8]int{linux.DiagEstablished: n + 3})
		equal(t, version+": TCPFastOpenActive", p.client.counter("TcpExt.TCPFastOpenActive")-active, n)
		equal(t, version+": TCPFastOpenPassive", p.server.counter("TcpExt.TCPFastOpenPassive")-passive, n)
		with := 0
		for range n + 3 {
			var from linux.Sockaddr
			fd, e := linux.Accept(l.fd, &from)
			ok(t, "accept", e)
			p.server.open[fd] = true
			if unread(t, fd) == size {
				with++
			}
		}
		equal(t, version+": connections with the data at the server", with, n+1)
		equal(t, version+": TCPFastOpenActive of the lost SYN", active, 0)
		equal(t, version+": TCPFastOpenPassive of the lost SYN", passive, 0)
		equal(t, version+": TCPFastOpenActiveFail", p.client.counter("TcpExt.TCPFastOpenActiveFail"), 1)
	}
}
