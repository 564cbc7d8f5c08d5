//go:build linux

package lab

import (
	"net/netip"
	"strings"
	"testing"

	"twomsl/internal/linux"
	"twomsl/internal/scenario"
)

// A marked connection leaves under the alias and for its own host keeps its address; others, and those to another port,
// are left alone.
func TestNetNSAlias(t *testing.T) {
	for _, f := range scenario.Families {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			const mark, port = 7, 80
			client, server := newPair(t, f)
			source, as := client.addresses[0], client.addresses[1]
			there := netip.AddrPortFrom(server.addresses[0], port)
			elsewhere := netip.AddrPortFrom(there.Addr(), port+1)
			client.ns.Enter(t)
			a := Alias{Mark: mark, Source: source, Destination: there, As: as}
			must(t, SetAlias(a))
			must(t, SetAlias(a)) // in place of the first, not beside it
			for _, c := range []struct {
				to   netip.AddrPort
				mark uint32
				seen netip.Addr
			}{{there, mark, as}, {there, 0, source}, {elsewhere, mark, source}, {there, mark, as}} {
				own, seen := client.reach(server, source, c.to, c.mark)
				if own.Addr() != source || seen.Addr() != c.seen || own.Port() != seen.Port() {
					t.Errorf("to %s with mark %d: from %s, seen as %s; want %s", c.to, c.mark, own, seen, c.seen)
				}
			}
		})
	}
}

// reach opens a connection, says something in either direction, and gives its address as either side has it.
func (h *host) reach(server *host, source netip.Addr, to netip.AddrPort, mark uint32) (own, seen netip.AddrPort) {
	h.t.Helper()
	server.ns.Enter(h.t)
	l, e := linux.Socket(h.ipv6)
	at, from := linux.NewSockaddr(to), linux.NewSockaddr(netip.AddrPortFrom(source, 0))
	noErrno(h.t, e, linux.SetReuse(l), linux.Bind(l, &at), linux.Listen(l, 8))
	defer linux.Close(l)
	h.ns.Enter(h.t)
	fd, e := linux.Socket(h.ipv6)
	noErrno(h.t, e, linux.SetLinger(fd, 0), linux.Bind(fd, &from))
	defer linux.Close(fd)
	if mark != 0 {
		noErrno(h.t, linux.SetMark(fd, mark))
	}
	if e := linux.Connect(fd, &at); e != linux.EINPROGRESS {
		h.t.Fatal(e)
	}
	var peer, mine linux.Sockaddr
	accepted := retried(h.t, func() (int, linux.Errno) { return linux.Accept(l, &peer) })
	defer linux.Close(accepted)
	for _, ends := range [][2]int{{fd, accepted}, {accepted, fd}} {
		retried(h.t, func() (int, linux.Errno) { return linux.Write(ends[0], []byte("hello")) })
		buf := make([]byte, 8)
		if n := retried(h.t, func() (int, linux.Errno) { return linux.Read(ends[1], buf) }); string(buf[:n]) != "hello" {
			h.t.Fatalf("read %q", buf[:n])
		}
	}
	noErrno(h.t, linux.LocalAddr(fd, &mine))
	return mine.AddrPort(), peer.AddrPort()
}

func noErrno(t testing.TB, all ...linux.Errno) {
	t.Helper()
	for i, e := range all {
		if e != 0 {
			t.Fatalf("call %d: %v", i, e)
		}
	}
}

// retried calls until the kernel has an answer.
func retried(t testing.TB, call func() (int, linux.Errno)) (n int) {
	t.Helper()
	var e linux.Errno
	until(t, "an answer", func() bool { n, e = call(); return e != linux.EAGAIN })
	noErrno(t, e)
	return n
}

func TestAliasesThatCannotBe(t *testing.T) {
	four, six := netip.MustParseAddr("198.18.0.1"), netip.MustParseAddr("2001:2::1")
	there := netip.AddrPortFrom(four.Next(), 80)
	for _, a := range []Alias{
		{},
		{Source: four, As: four.Next(), Destination: there},
		{Mark: 1, Source: four, As: six, Destination: there},
		{Mark: 1, Source: six, As: six.Next(), Destination: there},
		{Mark: 1, As: four, Destination: there},
	} {
		if err := SetAlias(a); err == nil || !strings.Contains(err.Error(), "a mark, and addresses of one family") {
			t.Errorf("%+v: %v", a, err)
		}
	}
}
