//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/scenario"
)

// bucket gives the link's token bucket with its counters.
func (h *host) bucket() *netlink.Tbf {
	h.t.Helper()
	h.ns.Enter(h.t)
	link, err := netlink.LinkByName(Link)
	must(h.t, err)
	all, err := netlink.QdiscList(link)
	must(h.t, err)
	for _, q := range all {
		if b, ok := q.(*netlink.Tbf); ok {
			return b
		}
	}
	return nil
}

// A mebibyte at 20 Mbit/s takes 0.42 s, whatever packets TCP makes of it, and all of it comes.
func TestNetNSShape(t *testing.T) {
	bothFamilies(t, func(t *testing.T, client, server *host) {
		l, at := server.listen(4001)
		client.ns.Enter(t)
		must(t, Shape(scenario.Link{Rate: 20e6, Queue: 64 << 10}))
		c := client.dial(at)
		s := server.accept(l)
		began := time.Now()
		sent := make(chan error, 1)
		go func() { sent <- writeAll(c, 1<<20) }()
		server.reads(s, 1<<20)
		took := time.Since(began)
		must(t, <-sent)
		client.close(c)
		server.reads(s, 0)
		if took < 300*time.Millisecond {
			t.Errorf("a mebibyte at 20 Mbit/s took %v", took)
		}
		if b := client.bucket(); b.Statistics.Basic.Bytes < 1<<20 {
			t.Errorf("the bucket has let %d bytes through", b.Statistics.Basic.Bytes)
		}
		if b := server.bucket(); b != nil {
			t.Errorf("the other end has a bucket: %+v", b)
		}
	})
}

func writeAll(fd, n int) error {
	for p := make([]byte, n); len(p) > 0; {
		n, e := linux.Write(fd, p)
		switch e {
		case 0:
			p = p[n:]
		case linux.EAGAIN:
			time.Sleep(time.Millisecond)
		default:
			return e
		}
	}
	return nil
}

// What finds the queue full is dropped, and nothing else: of datagrams sent at once, as many bytes are let through or
// wait as fit in the queue and the bucket, besides what the rate carried meanwhile.
func TestNetNSShapeQueue(t *testing.T) {
	const n, size, rate, queue = 200, 1000, 64e3, 8 << 10
	client, server := newPair(t, scenario.IPv4)
	client.ns.Enter(t)
	must(t, Shape(scenario.Link{Rate: rate, Queue: queue}))
	before := client.bucket().Statistics
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	must(t, err)
	defer syscall.Close(fd)
	began := time.Now()
	for range n {
		to := &syscall.SockaddrInet4{Port: 4001, Addr: server.addresses[0].As4()}
		must(t, syscall.Sendto(fd, make([]byte, size), 0, to))
	}
	after := client.bucket().Statistics
	drops := int(after.Queue.Drops - before.Queue.Drops)
	if least := queue / (size + 14 + 28); n-drops < least { // headers of Ethernet, IP and UDP
		t.Errorf("%d of %d datagrams were not dropped; %d fit in the queue alone", n-drops, n, least)
	}
	room := queue + 2*frame + 64 + int(rate/8*time.Since(began).Seconds()) // 64: the bucket's size is rounded up
	if kept := (n - drops) * size; drops == 0 || kept > room {
		t.Errorf("%d of %d datagrams were dropped, %d bytes were not; there is room for %d", drops, n, kept, room)
	}
}

// The bucket is what was asked for, at every rate; asked again it is replaced; without a rate there is none.
func TestNetNSShapeAgain(t *testing.T) {
	client, _ := newPair(t, scenario.IPv4)
	client.ns.Enter(t)
	must(t, Shape(scenario.Link{Queue: 64 << 10}))
	if b := client.bucket(); b != nil {
		t.Errorf("a link without a rate has a bucket: %+v", b)
	}
	for _, rate := range []scenario.Bandwidth{8e3, 20e6, 1e9, 100e9} {
		must(t, Shape(scenario.Link{Rate: rate, Queue: 100_000}))
		b := client.bucket()
		if b == nil || b.Rate != uint64(rate)/8 || b.Limit != 100_000 {
			t.Errorf("asked for %s, got %+v", rate, b)
		}
	}
}

func TestNetNSShapeRefuses(t *testing.T) {
	nstest.Require(t)
	for want, l := range map[string]scenario.Link{
		"link.queue: 1KiB is not possible": {Rate: 1e6, Queue: 1 << 10},
		"link veth0: ":                     {Rate: 1e6, Queue: 64 << 10}, // there is none
	} {
		if err := Shape(l); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; expected %q", err, want)
		}
	}
}

func TestCannotShape(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		syscall.ENOENT: "modprobe sch_tbf", syscall.EPERM: "CAP_NET_ADMIN", syscall.EINVAL: "",
	} {
		err := cannotShape(errno)
		var u *UnavailableError
		if errors.As(err, &u) != (want != "") || !errors.Is(err, errno) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", errno, err)
		}
	}
	if err := cannotShape(nil); err != nil {
		t.Error(err)
	}
}

// A side with as many addresses as a scenario may ask for can be reached at the last.
func TestNetNSManyAddresses(t *testing.T) {
	for _, f := range scenario.Families {
		client, server := newPair(t, f)
		mine, theirs := Addresses(scenario.Veth, f, 1000, 1000)
		client.ns.Enter(t)
		must(t, SetUpLink(mine))
		server.ns.Enter(t)
		must(t, SetUpLink(theirs))
		for i, a := range []netip.Prefix{theirs[0], theirs[999]} {
			l, to := server.socket(), linux.NewSockaddr(netip.AddrPortFrom(a.Addr(), 4001))
			ok(t, "bind", linux.Bind(l, &to))
			ok(t, "listen", linux.Listen(l, 1))
			fd, from := client.socket(), linux.NewSockaddr(netip.AddrPortFrom(mine[999-i].Addr(), 0))
			ok(t, "bind", linux.Bind(fd, &from))
			if e := linux.Connect(fd, &to); e != linux.EINPROGRESS {
				t.Fatal(fmt.Errorf("connect to %s: %w", a, e))
			}
			server.accept(l)
		}
	}
}
