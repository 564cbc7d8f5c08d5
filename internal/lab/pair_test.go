//go:build linux

package lab

import (
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/scenario"
)

// patience bounds every wait for the kernel. It decides nothing: whoever runs into it, fails.
const patience = 30 * time.Second

// host is a network namespace with one end of the link.
type host struct {
	t         testing.TB
	ns        *nstest.Namespace
	diag      *linux.Diag
	ipv6      bool
	addresses []netip.Addr
	open      map[int]bool
}

// newPair makes two hosts on a link, set up as peers do it. The test's goroutine, locked to a thread that ends with it,
// hops between the two: a socket stays in the namespace in which it was made.
func newPair(t testing.TB, f scenario.Family) (client, server *host) {
	t.Helper()
	client, server = newHost(t, f), newHost(t, f)
	end, err := os.Open(server.ns.Path())
	must(t, err)
	defer end.Close()
	client.ns.Enter(t)
	must(t, netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: Link}, PeerName: Link, PeerNamespace: netlink.NsFd(int(end.Fd())),
	}))
	mine, theirs := Addresses(scenario.Veth, f, 2, 2)
	client.link(mine)
	server.link(theirs)
	for _, h := range []*host{client, server} {
		h.ns.Enter(t)
		must(t, AwaitLink())
	}
	return client, server
}

func newHost(t testing.TB, f scenario.Family) *host {
	t.Helper()
	h := &host{t: t, ns: nstest.Require(t), ipv6: f == scenario.IPv6, open: map[int]bool{}}
	diag, err := linux.OpenDiag()
	must(t, err)
	h.diag = diag
	t.Cleanup(func() {
		diag.Close()
		for fd := range h.open {
			linux.Close(fd)
		}
	})
	return h
}

func (h *host) link(prefixes []netip.Prefix) {
	h.t.Helper()
	h.ns.Enter(h.t)
	must(h.t, SetUpLink(prefixes))
	for _, p := range prefixes {
		h.addresses = append(h.addresses, p.Addr())
	}
}

func (h *host) hold(holds ...Hold) {
	h.t.Helper()
	h.ns.Enter(h.t)
	must(h.t, SetHolds(holds))
}

func (h *host) held() []uint64 {
	h.t.Helper()
	h.ns.Enter(h.t)
	n, err := Held()
	must(h.t, err)
	return n
}

// holds waits until the first hold has dropped that many: once for what was sent, then for what was sent again, so
// whoever is still in its state then was held there.
func (h *host) holds(n uint64) {
	h.t.Helper()
	until(h.t, "the hold drops what is sent again", func() bool { return h.held()[0] >= n })
}

// count tells how many sockets are in a state; a listener counts as none.
func (h *host) count(state uint8) (n int) {
	h.t.Helper()
	must(h.t, h.diag.Dump(linux.DiagQuery{IPv6: h.ipv6, States: 1 << state}, func(*linux.DiagRow) { n++ }))
	return n
}

// stands waits until exactly that many sockets are in a state.
func (h *host) stands(state uint8, n int) {
	h.t.Helper()
	until(h.t, "sockets come into their state", func() bool { return h.count(state) == n })
}

// stay wants that many sockets in a state now.
func (h *host) stay(state uint8, n int) {
	h.t.Helper()
	if got := h.count(state); got != n {
		h.t.Errorf("%d sockets are in state %d, expected %d", got, state, n)
	}
}

func (h *host) socket() int {
	h.t.Helper()
	h.ns.Enter(h.t)
	fd, e := linux.Socket(h.ipv6)
	ok(h.t, "socket", e)
	h.open[fd] = true
	return fd
}

func (h *host) listen(port uint16) (fd int, at netip.AddrPort) {
	h.t.Helper()
	fd, at = h.socket(), netip.AddrPortFrom(h.addresses[0], port)
	to := linux.NewSockaddr(at)
	ok(h.t, "bind", linux.Bind(fd, &to))
	ok(h.t, "listen", linux.Listen(fd, 128))
	return fd, at
}

// dial sends a SYN.
func (h *host) dial(at netip.AddrPort) int {
	h.t.Helper()
	fd, to := h.socket(), linux.NewSockaddr(at)
	if e := linux.Connect(fd, &to); e != linux.EINPROGRESS {
		h.t.Fatalf("connect to %s: %v, expected it to be in progress", at, e)
	}
	return fd
}

func (h *host) accept(l int) (fd int) {
	h.t.Helper()
	until(h.t, "a connection can be accepted", func() bool {
		var from linux.Sockaddr
		var e linux.Errno
		fd, e = linux.Accept(l, &from)
		return e == 0
	})
	h.open[fd] = true
	return fd
}

func (h *host) close(fd int) {
	h.t.Helper()
	delete(h.open, fd)
	ok(h.t, "close", linux.Close(fd))
}

// reads waits for so many bytes; 0 for the FIN.
func (h *host) reads(fd, want int) {
	h.t.Helper()
	got, p := 0, make([]byte, 64<<10)
	until(h.t, "bytes come", func() bool {
		n, e := linux.Read(fd, p)
		if e == linux.EAGAIN {
			return false
		}
		ok(h.t, "read", e)
		if n == 0 && got < want {
			h.t.Fatalf("the connection ends after %d bytes of %d", got, want)
		}
		got += n
		return got >= want
	})
	if got != want {
		h.t.Fatalf("%d bytes came, expected %d", got, want)
	}
}

func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	for start := time.Now(); !f(); time.Sleep(time.Millisecond) {
		if time.Since(start) > patience {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func ok(t testing.TB, what string, e syscall.Errno) {
	t.Helper()
	if e != 0 {
		t.Fatalf("%s: %v", what, e)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
