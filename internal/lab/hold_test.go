//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/scenario"
)

// bothFamilies runs a test on a pair of each.
func bothFamilies(t *testing.T, test func(t *testing.T, client, server *host)) {
	t.Parallel()
	for _, f := range scenario.Families {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			client, server := newPair(t, f)
			test(t, client, server)
		})
	}
}

// A client whose SYN is held stays in SYN_SENT, one to another port does not, and it goes on when the hold is gone.
func TestNetNSHoldSYN(t *testing.T) {
	bothFamilies(t, func(_ *testing.T, client, server *host) {
		_, held := server.listen(4001)
		_, free := server.listen(4002)
		client.hold(Hold{Segment: SYN, RemotePort: 4001})
		client.dial(held)
		client.dial(free)
		client.stands(linux.DiagEstablished, 1)
		server.stands(linux.DiagEstablished, 1)
		client.holds(2)
		client.stay(linux.DiagSynSent, 1)
		client.hold()
		client.stands(linux.DiagEstablished, 2)
		server.stands(linux.DiagEstablished, 2)
	})
}

// A server that never gets the handshake's last ACK stays in SYN_RECV. An ACK with data is no bare one: it passes and
// completes the handshake.
func TestNetNSHoldACK(t *testing.T) {
	bothFamilies(t, func(t *testing.T, client, server *host) {
		l, at := server.listen(4001)
		client.hold(Hold{Segment: ACK})
		c := client.dial(at)
		client.stands(linux.DiagEstablished, 1)
		client.holds(2) // the server sent its SYN-ACK again
		server.stay(linux.DiagSynRecv, 1)
		server.stay(linux.DiagEstablished, 0)
		_, e := linux.Write(c, []byte("x"))
		ok(t, "write", e)
		server.reads(server.accept(l), 1)
		server.stay(linux.DiagEstablished, 1)
	})
}

// A client whose FIN is held stays in FIN_WAIT1, and the server hears nothing of it.
func TestNetNSHoldFIN(t *testing.T) {
	bothFamilies(t, func(t *testing.T, client, server *host) {
		l, at := server.listen(4001)
		client.hold(Hold{Segment: FIN})
		c := client.dial(at)
		s := server.accept(l)
		client.close(c)
		client.holds(2)
		client.stay(linux.DiagFinWait1, 1)
		server.stay(linux.DiagEstablished, 1)
		client.hold()
		server.reads(s, 0)
		client.stands(linux.DiagFinWait2, 1)
		server.stay(linux.DiagCloseWait, 1)
		server.close(s)
		client.stands(linux.DiagTimeWait, 1)
	})
}

// Both sides close while neither hears of the other's FIN: that is a simultaneous close (RFC 9293 figure 13), which
// leaves a TIME_WAIT on each side. The FINs are held until all have closed, however long that takes here.
func TestNetNSHoldBothFINs(t *testing.T) {
	const n = 50
	bothFamilies(t, func(t *testing.T, client, server *host) {
		l, at := server.listen(4001)
		for _, h := range []*host{client, server} {
			h.hold(Hold{Segment: FIN})
		}
		for range n {
			c := client.dial(at)
			s := server.accept(l)
			client.close(c)
			server.close(s)
		}
		client.stands(linux.DiagFinWait1, n)
		server.stands(linux.DiagFinWait1, n)
		for _, h := range []*host{client, server} {
			h.hold()
		}
		client.stands(linux.DiagTimeWait, n)
		server.stands(linux.DiagTimeWait, n)
	})
}

// segment is a TCP segment made by hand. Its raw socket shares the way out with the kernel's own TCP, and sendto(2)
// tells what a hold drops: EPERM.
type segment struct {
	from, to netip.AddrPort
	flags    byte
	offset   byte // of the data, in 4 bytes; 0 is 5, that is no options
	data     int
	ipOption bool
}

func (s segment) bytes() []byte {
	s.offset = max(s.offset, 5)
	b := make([]byte, 4*int(s.offset)+s.data)
	for i := 20; i < 4*int(s.offset); i++ {
		b[i] = 1 // TCP's option of no operation
	}
	b[0], b[1] = byte(s.from.Port()>>8), byte(s.from.Port())
	b[2], b[3] = byte(s.to.Port()>>8), byte(s.to.Port())
	b[12], b[13] = s.offset<<4, s.flags
	return b
}

// drops tells whether a segment is dropped on its way out of the calling thread's namespace.
func drops(t *testing.T, s segment) bool {
	t.Helper()
	family, from, to := syscall.AF_INET, syscall.Sockaddr(nil), syscall.Sockaddr(nil)
	if s.from.Addr().Is6() {
		family = syscall.AF_INET6
		from, to = &syscall.SockaddrInet6{Addr: s.from.Addr().As16()}, &syscall.SockaddrInet6{Addr: s.to.Addr().As16()}
	} else {
		from, to = &syscall.SockaddrInet4{Addr: s.from.Addr().As4()}, &syscall.SockaddrInet4{Addr: s.to.Addr().As4()}
	}
	fd, err := syscall.Socket(family, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, syscall.IPPROTO_TCP)
	must(t, err)
	defer syscall.Close(fd)
	must(t, syscall.Bind(fd, from))
	if s.ipOption {
		must(t, syscall.SetsockoptString(fd, syscall.IPPROTO_IP, syscall.IP_OPTIONS, "\x01\x01\x01\x01"))
	}
	err = syscall.Sendto(fd, s.bytes(), 0, to)
	if err != nil && err != syscall.EPERM {
		t.Fatalf("sending %+v: %v", s, err)
	}
	return err != nil
}

// Every combination of the six flags against every segment, at every data offset, with data and without.
func TestNetNSHoldFlags(t *testing.T) {
	const fin, syn, rst, ack, most = 0x01, 0x02, 0x04, 0x10, 0x3f
	bothFamilies(t, func(t *testing.T, client, server *host) {
		from, to := netip.AddrPortFrom(client.addresses[0], 5001), netip.AddrPortFrom(server.addresses[0], 4001)
		match := map[Segment]func(s segment) bool{
			SYN: func(s segment) bool { return s.flags&(syn|ack) == syn },
			FIN: func(s segment) bool { return s.flags&fin != 0 },
			ACK: func(s segment) bool { return s.flags&(fin|syn|rst|ack) == ack && s.data == 0 },
		}
		for _, kinds := range [][]Segment{{SYN}, {FIN}, {ACK}, {ACK, FIN, SYN}} {
			var holds []Hold
			for _, k := range kinds {
				holds = append(holds, Hold{Segment: k})
			}
			client.hold(holds...)
			want := make([]uint64, len(kinds))
			for i := range (most + 1) * 11 * 3 {
				s := segment{
					from: from, to: to, flags: byte(i & most), offset: byte(5 + i/64%11), data: []int{0, 1, 1000}[i/64/11],
					ipOption: !client.ipv6 && i%5 == 0,
				}
				by := slices.IndexFunc(kinds, func(k Segment) bool { return match[k](s) })
				if by >= 0 {
					want[by]++
				}
				if got := drops(t, s); got != (by >= 0) {
					t.Fatalf("holds of %v: %+v is dropped: %t", kinds, s, got)
				}
			}
			if d := cmp.Diff(want, client.held()); d != "" {
				t.Errorf("holds of %v (- dropped, + counted):\n%s", kinds, d)
			}
		}
	})
}

// A hold for one address or port of either side leaves the others alone, and each hold counts its own.
func TestNetNSHoldIsNarrow(t *testing.T) {
	bothFamilies(t, func(t *testing.T, client, server *host) {
		mine, other := client.addresses[0], client.addresses[1]
		theirs, another := server.addresses[0], server.addresses[1]
		at := netip.AddrPortFrom
		for _, c := range []struct {
			hold Hold
			miss segment // differs in what the hold asks for alone
		}{
			{Hold{Local: mine}, segment{from: at(other, 5001), to: at(theirs, 4001)}},
			{Hold{Remote: theirs}, segment{from: at(mine, 5001), to: at(another, 4001)}},
			{Hold{LocalPort: 5001}, segment{from: at(mine, 4001), to: at(theirs, 5001)}},
			{Hold{RemotePort: 4001}, segment{from: at(mine, 4001), to: at(theirs, 4257)}},
			{
				Hold{Local: mine, Remote: theirs, LocalPort: 5001, RemotePort: 4001},
				segment{from: at(mine, 5002), to: at(theirs, 4001)},
			},
		} {
			for _, kind := range segments {
				c.hold.Segment = kind
				flags := map[Segment]byte{SYN: 0x02, ACK: 0x10, FIN: 0x11}[kind]
				hit := segment{from: at(mine, 5001), to: at(theirs, 4001), flags: flags}
				c.miss.flags = flags
				client.hold(Hold{Segment: SYN, LocalPort: 1}, c.hold)
				if !drops(t, hit) || drops(t, c.miss) {
					t.Errorf("%+v drops %+v: %t, and %+v: %t", c.hold, hit, drops(t, hit), c.miss, drops(t, c.miss))
				}
				if d := cmp.Diff([]uint64{0, 1}, client.held()); d != "" {
					t.Errorf("%+v (- dropped, + counted):\n%s", c.hold, d)
				}
			}
		}
	})
}

// Removed holds drop nothing and are not told; holds that are set again begin at 0.
func TestNetNSHoldsAreReplaced(t *testing.T) {
	nstest.Require(t)
	lo := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), 4001)
	syn := segment{from: lo, to: lo, flags: 0x02}
	must(t, SetHolds(nil)) // nothing to remove is no error
	for range 2 {
		for _, c := range []struct {
			holds []Hold
			drops bool
			want  []uint64
		}{
			{[]Hold{{Segment: SYN}, {Segment: FIN}}, true, []uint64{1, 0}},
			{[]Hold{{Segment: FIN}}, false, []uint64{0}},
			{nil, false, nil},
		} {
			must(t, SetHolds(c.holds))
			if got := drops(t, syn); got != c.drops {
				t.Errorf("with %+v a SYN is dropped: %t", c.holds, got)
			}
			got, err := Held()
			if d := cmp.Diff(c.want, got); d != "" || err != nil {
				t.Errorf("%v; with %+v (- dropped, + counted):\n%s", err, c.holds, d)
			}
		}
	}
}

// Connection tracking would keep a state of its own for each connection, and its limit would show in the results.
func TestNetNSHoldsTrackNothing(t *testing.T) {
	bothFamilies(t, func(t *testing.T, client, server *host) {
		client.hold(Hold{Segment: FIN, RemotePort: 1}, Hold{Segment: ACK, RemotePort: 1})
		_, at := server.listen(4001)
		client.dial(at)
		client.stands(linux.DiagEstablished, 1)
		client.ns.Enter(t)
		b, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_count")
		if errors.Is(err, os.ErrNotExist) {
			t.Skip("this kernel has no connection tracking")
		}
		if got := strings.TrimSpace(string(b)); got != "0" || err != nil {
			t.Errorf("%s connections are tracked: %v", got, err)
		}
	})
}

// An ordinary user holds packets in a network namespace of a user namespace, and is told what is missing elsewhere.
func TestNetNSHoldInUserNamespace(t *testing.T) {
	nstest.Require(t) // the process without a network namespace of its own is in this one
	for name, c := range map[string]struct {
		flags uintptr
		want  string
	}{
		"own network":   {linux.CloneNewUser | linux.CloneNewNet, "held [1 0 0]\n"},
		"other network": {linux.CloneNewUser, "unavailable, CAP_NET_ADMIN: true\n"},
	} {
		t.Run(name, func(t *testing.T) {
			nstest.Require(t)
			cmd := exec.Command("/proc/self/exe", "hold")
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  c.flags,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
			}
			out, err := cmd.CombinedOutput()
			if cmd.Process == nil {
				if os.Getenv("TWOMSL_REQUIRE_NETNS") == "1" {
					t.Fatal(err)
				}
				t.Skipf("no user namespace can be made here: %v", err)
			}
			if string(out) != c.want || err != nil {
				t.Errorf("%q, %v; expected %q", out, err, c.want)
			}
		})
	}
}

// holdAsUser is what the process in the user namespace does.
func holdAsUser() int {
	err := SetHolds([]Hold{{Segment: SYN}, {Segment: FIN}, {Segment: ACK}})
	var u *UnavailableError
	if errors.As(err, &u) {
		fmt.Printf("unavailable, CAP_NET_ADMIN: %t\n", strings.Contains(u.Remedy, "CAP_NET_ADMIN"))
		return 0
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if err := up("lo"); err != nil {
		fmt.Println(err)
		return 1
	}
	fd, _ := linux.Socket(false)
	lo := linux.NewSockaddr(netip.MustParseAddrPort("127.0.0.1:4001"))
	linux.Connect(fd, &lo)
	held, err := Held()
	if err == nil {
		err = SetHolds(nil)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("held", held)
	return 0
}

func TestNetNSHoldsThatMakeNoSense(t *testing.T) {
	nstest.Require(t) // what is not refused here must not be set in the host's namespace
	v4, v6 := netip.MustParseAddr("198.18.0.1"), netip.MustParseAddr("2001:2::2:0:1")
	for want, holds := range map[string][]Hold{
		`packet hold 1: there is no segment "rst"; allowed: [syn fin ack]`: {{Segment: SYN}, {Segment: "rst"}},
		"packet hold 0: 198.18.0.1 and 2001:2::2:0:1 are of different families: no packet has both; " +
			"give two of one family": {{Segment: SYN, Local: v4, Remote: v6}},
		"33 packet holds are too many: 32 at most; leave out ports or addresses to cover more with one": make([]Hold, 33),
	} {
		if err := SetHolds(holds); err == nil || err.Error() != want {
			t.Errorf("%v\nexpected %s", err, want)
		}
	}
}

// What a kernel without nf_tables answers is a machine that lacks something; any other failure is not.
func TestCannotHold(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		syscall.EPROTONOSUPPORT: "modprobe nf_tables", syscall.EOPNOTSUPP: "CONFIG_NF_TABLES",
		syscall.EAFNOSUPPORT: "CONFIG_NF_TABLES_INET", syscall.ENOENT: "CONFIG_NF_TABLES_INET",
		syscall.EPERM: "CAP_NET_ADMIN", syscall.EINVAL: "",
	} {
		err := cannotHold(fmt.Errorf("conn.Receive: %w", os.NewSyscallError("netlink", errno)))
		var u *UnavailableError
		if errors.As(err, &u) != (want != "") || !errors.Is(err, errno) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", errno, err)
		}
	}
}

// As many holds as may be set fit in one step.
func TestNetNSMostHolds(t *testing.T) {
	nstest.Require(t)
	holds := make([]Hold, mostHolds)
	for i := range holds {
		holds[i] = Hold{Segment: FIN, LocalPort: uint16(i + 1)}
	}
	holds[0].Segment = ACK
	must(t, SetHolds(holds))
	if held, err := Held(); len(held) != mostHolds || err != nil {
		t.Errorf("%d holds are told, %v", len(held), err)
	}
}
