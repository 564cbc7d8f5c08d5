package linux

import (
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"twomsl/internal/linux/nstest"
)

func open(t *testing.T, ipv6 bool) int {
	t.Helper()
	fd, e := Socket(ipv6)
	good(t, "socket", e)
	t.Cleanup(func() { Close(fd) })
	return fd
}

func good(t *testing.T, what string, e Errno) {
	t.Helper()
	if e != 0 {
		t.Fatalf("%s: %v", what, e)
	}
}

// listening opens a listener on a free port of an address.
func listening(t *testing.T, a netip.Addr, backlog int) (int, Sockaddr) {
	t.Helper()
	fd, sa := open(t, a.Is6()), NewSockaddr(netip.AddrPortFrom(a, 0))
	good(t, "SO_REUSEADDR, SO_REUSEPORT", SetReuse(fd))
	good(t, "bind", Bind(fd, &sa))
	good(t, "listen", Listen(fd, backlog))
	good(t, "getsockname", LocalAddr(fd, &sa))
	return fd, sa
}

// connected opens a connection from here to a listener.
func connected(t *testing.T, l int, to *Sockaddr) (client, server int, from netip.AddrPort) {
	t.Helper()
	client = open(t, to.AddrPort().Addr().Is6())
	if e := Connect(client, to); e != 0 && e != EINPROGRESS {
		t.Fatal(e)
	}
	var sa Sockaddr
	eventually(t, "a connection waits", func() bool {
		fd, e := Accept(l, &sa)
		if e == EAGAIN {
			return false
		}
		good(t, "accept", e)
		server = fd
		return true
	})
	t.Cleanup(func() { Close(server) })
	return client, server, sa.AddrPort()
}

func eventually(t *testing.T, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !true(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func TestErrnoNames(t *testing.T) {
	for e, want := range map[Errno]string{0: "", EAGAIN: "EAGAIN", EADDRNOTAVAIL: "EADDRNOTAVAIL", 1000: "E1000"} {
		if got := ErrnoName(e); got != want {
			t.Errorf("%d is called %q, expected %q", int(e), got, want)
		}
	}
	// Beyond the table a name would be given to the wrong number.
	for e := Errno(MaxErrno + 1); e < 512; e++ {
		if name := unix.ErrnoName(e); name != "" {
			t.Errorf("MaxErrno is %d, but %s is %d", MaxErrno, name, int(e))
		}
	}
}

func TestSockaddrKeepsWhatItWasGiven(t *testing.T) {
	for _, s := range []string{
		"127.0.0.1:1", "255.254.253.252:65535", "[::1]:80", "[2001:db8::ff00:42:8329]:1025", "0.0.0.0:0",
	} {
		ap := netip.MustParseAddrPort(s)
		sa := NewSockaddr(ap)
		if got := sa.AddrPort(); got != ap {
			t.Errorf("%v came back as %v", ap, got)
		}
	}
	if got := new(Sockaddr).AddrPort(); got.IsValid() {
		t.Errorf("no address is %v", got)
	}
}

func TestConnectionFromEndToEnd(t *testing.T) {
	for _, a := range []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()} {
		t.Run(a.String(), func(t *testing.T) {
			if a.Is6() {
				if _, err := os.Stat("/proc/net/if_inet6"); err != nil {
					t.Skip("this machine has no IPv6")
				}
			}
			l, sa := listening(t, a, 8)
			if _, e := Accept(l, &Sockaddr{}); e != EAGAIN {
				t.Errorf("accept where nothing waits: %v", e)
			}
			client, server, from := connected(t, l, &sa)
			var local Sockaddr
			good(t, "getsockname", LocalAddr(client, &local))
			if from != local.AddrPort() || from.Addr() != a {
				t.Errorf("accepted from %v, the client is %v", from, local.AddrPort())
			}
			exchange(t, client, server)
		})
	}
}

func exchange(t *testing.T, client, server int) {
	t.Helper()
	buf := make([]byte, 10)
	if n, e := Read(server, buf); n != 0 || e != EAGAIN {
		t.Errorf("reading before anything is there: %d, %v; an accepted socket must not wait", n, e)
	}
	if n, e := Write(client, []byte("hello")); n != 5 || e != 0 {
		t.Errorf("write: %d, %v", n, e)
	}
	eventually(t, "the bytes are there", func() bool {
		n, e := Read(server, buf)
		return e == 0 && string(buf[:n]) == "hello"
	})
	good(t, "shutdown", ShutdownWrite(client))
	eventually(t, "the FIN is there", func() bool {
		n, e := Read(server, buf)
		return n == 0 && e == 0
	})
	if n, e := Write(client, buf); n != 0 || e != EPIPE {
		t.Errorf("writing after the FIN: %d, %v", n, e)
	}
	good(t, "linger", SetLinger(server, 0))
	good(t, "close", Close(server))
	eventually(t, "the RST is there", func() bool {
		_, e := Read(client, buf)
		return e == ECONNRESET
	})
	good(t, "the error was told once", SocketError(client))
}

func TestDescriptorsAreClosedOnExec(t *testing.T) {
	l, sa := listening(t, netip.AddrFrom4([4]byte{127, 0, 0, 1}), 8)
	client, server, _ := connected(t, l, &sa)
	p, e := OpenPoller()
	good(t, "epoll_create1", e)
	defer p.Close()
	for what, fd := range map[string]int{"socket": client, "accept": server, "epoll": p.fd} {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%s: flags %#x, %v", what, flags, err)
		}
	}
}

func TestLingerIsWhatWasAsked(t *testing.T) {
	for _, seconds := range []int{0, 1, 3600} {
		fd := open(t, false)
		good(t, "linger", SetLinger(fd, seconds))
		var l unix.Linger
		size := uint32(unix.SizeofLinger)
		_, _, e := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_LINGER,
			uintptr(unsafe.Pointer(&l)), uintptr(unsafe.Pointer(&size)), 0)
		good(t, "getsockopt", e)
		if l.Onoff != 1 || int(l.Linger) != seconds {
			t.Errorf("linger %d: %+v", seconds, l)
		}
	}
}

// Two listeners on one port are two workers; what else would want it is refused.
func TestReuse(t *testing.T) {
	_, sa := listening(t, netip.AddrFrom4([4]byte{127, 0, 0, 1}), 8)
	second, third := open(t, false), open(t, false)
	good(t, "SO_REUSEPORT", SetReuse(second))
	good(t, "bind", Bind(second, &sa))
	good(t, "listen", Listen(second, 8))
	if e := Bind(third, &sa); e != unix.EADDRINUSE {
		t.Errorf("bind without SO_REUSEPORT: %v", e)
	}
}

// An IPv6 listener with IPV6_V6ONLY leaves IPv4 to another.
func TestIPv6Only(t *testing.T) {
	if _, err := os.Stat("/proc/net/if_inet6"); err != nil {
		t.Skip("this machine has no IPv6")
	}
	six, sa := open(t, true), NewSockaddr(netip.AddrPortFrom(netip.IPv6Unspecified(), 0))
	good(t, "IPV6_V6ONLY", SetIPv6Only(six))
	good(t, "bind", Bind(six, &sa))
	good(t, "getsockname", LocalAddr(six, &sa))
	four := NewSockaddr(netip.AddrPortFrom(netip.IPv4Unspecified(), sa.AddrPort().Port()))
	good(t, "bind", Bind(open(t, false), &four))
}

// Bound without a port, sockets get it at connect(), each tuple from the whole range; bound with one, at bind().
func TestNetNSBindAddressNoPort(t *testing.T) {
	nstest.Require(t)
	nstest.Sysctl(t, "ipv4/ip_local_port_range", "20000 20001")
	a := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	for port := range uint16(3) { // three tuples on two ports
		to := NewSockaddr(netip.AddrPortFrom(a, 5000+port))
		l := open(t, false)
		good(t, "bind", Bind(l, &to))
		good(t, "listen", Listen(l, 8))
		from, fd := NewSockaddr(netip.AddrPortFrom(a, 0)), open(t, false)
		good(t, "IP_BIND_ADDRESS_NO_PORT", SetBindAddressNoPort(fd))
		good(t, "bind", Bind(fd, &from))
		good(t, "getsockname", LocalAddr(fd, &from))
		if got := from.AddrPort(); got.Port() != 0 || got.Addr() != a {
			t.Errorf("bound to %v", got)
		}
		if e := Connect(fd, &to); e != 0 && e != EINPROGRESS {
			t.Errorf("tuple %d: %v", port, e)
		}
	}
}

func TestNetNSLocalPortRange(t *testing.T) {
	nstest.Require(t)
	_, to := listening(t, netip.AddrFrom4([4]byte{127, 0, 0, 1}), 8)
	seen := map[uint16]bool{}
	for range 3 {
		fd := open(t, false)
		good(t, "IP_LOCAL_PORT_RANGE", SetLocalPortRange(fd, 60_001, 60_003))
		if e := Connect(fd, &to); e != 0 && e != EINPROGRESS {
			t.Fatal(e)
		}
		var sa Sockaddr
		good(t, "getsockname", LocalAddr(fd, &sa))
		seen[sa.AddrPort().Port()] = true
	}
	if len(seen) != 3 || !seen[60_001] || !seen[60_002] || !seen[60_003] {
		t.Errorf("three connections from 60001-60003 have %v", seen)
	}
	fd := open(t, false)
	good(t, "IP_LOCAL_PORT_RANGE", SetLocalPortRange(fd, 60_001, 60_003))
	if e := Connect(fd, &to); e != EADDRNOTAVAIL {
		t.Errorf("the fourth: %v", e)
	}
}

// One look at a connection tells all that is ready; what was told is told again only when there is more
// (edge-triggered), while a listener is told as long as somebody waits.
func TestPoller(t *testing.T) {
	p, e := OpenPoller()
	good(t, "epoll_create1", e)
	defer p.Close()
	l, sa := listening(t, netip.AddrFrom4([4]byte{127, 0, 0, 1}), 8)
	const listener, connection = uint64(1)<<63 | 7, uint64(0xfedcba98_76543210)
	good(t, "epoll_ctl", p.AddListener(l, listener))
	expectNothing(t, p)
	waits := open(t, false)
	if e := Connect(waits, &sa); e != 0 && e != EINPROGRESS {
		t.Fatal(e)
	}
	for range 2 {
		if ev := one(t, p); ev.Data != listener || !ev.Readable() {
			t.Errorf("the listener: %+v", ev)
		}
	}
	fd, e := Accept(l, &sa)
	good(t, "accept", e)
	t.Cleanup(func() { Close(fd) })
	good(t, "epoll_ctl", p.AddConnection(fd, connection))
	if ev := one(t, p); ev.Data != connection || ev.Readable() {
		t.Errorf("a connection without bytes: %+v", ev)
	}
	expectNothing(t, p)
	for range 2 {
		_, e := Write(waits, []byte("x"))
		good(t, "write", e)
		if ev := one(t, p); ev.Data != connection || !ev.Readable() {
			t.Errorf("a connection with bytes: %+v", ev)
		}
		expectNothing(t, p)
	}
	good(t, "shutdown", ShutdownWrite(waits))
	if ev := one(t, p); !ev.Readable() || ev.Bits&unix.EPOLLRDHUP == 0 {
		t.Errorf("a FIN: %+v", ev)
	}
	if e := p.AddConnection(fd, connection); e != unix.EEXIST {
		t.Errorf("added twice: %v", e)
	}
}

func one(t *testing.T, p *Poller) (ev Event) {
	t.Helper()
	eventually(t, "something is ready", func() bool {
		n, e := p.Wait(time.Second)
		good(t, "epoll_pwait", e)
		if n > 1 {
			t.Fatalf("%d are ready, expected one", n)
		}
		if n == 1 {
			ev = p.Event(0)
		}
		return n == 1
	})
	return ev
}

func expectNothing(t *testing.T, p *Poller) {
	t.Helper()
	for _, limit := range []time.Duration{-1, 0, time.Microsecond} {
		if n, e := p.Wait(limit); n != 0 || e != 0 {
			t.Errorf("%d are ready, %v; expected none", n, e)
		}
	}
}

func TestPinThread(t *testing.T) {
	done := make(chan struct{})
	go func() { // on a thread that ends with it
		defer close(done)
		runtime.LockOSThread()
		var allowed unix.CPUSet
		if err := unix.SchedGetaffinity(0, &allowed); err != nil {
			t.Error(err)
			return
		}
		cpu := 0
		for !allowed.IsSet(cpu) {
			cpu++
		}
		if err := PinThread(nil); err != nil || affinity(t) != allowed {
			t.Errorf("pinned to nothing: %v", err)
		}
		if err := PinThread([]int{cpu}); err != nil {
			t.Error(err)
		}
		if now := affinity(t); now.Count() != 1 || !now.IsSet(cpu) {
			t.Errorf("pinned to %d: %v", cpu, now)
		}
		if err := PinThread([]int{1 << 20}); err == nil || !strings.Contains(err.Error(), "Cpus_allowed_list") {
			t.Errorf("pinned to a processor that is not there: %v", err)
		}
	}()
	<-done
}

func affinity(t *testing.T) (set unix.CPUSet) {
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Error(err)
	}
	return set
}

// All processes of a host read the same clock.
func TestNanoIsTheMonotonicClock(t *testing.T) {
	for range 1000 {
		a, b, c := monotonic(), Nano(), monotonic()
		if b < a-slack || b > c+slack {
			t.Fatalf("%d does not lie between %d and %d", b, a, c)
		}
	}
}

// slack: the two zeros of Nano are read one after the other. Another clock would be off by the host's uptime or more.
const slack = int64(time.Minute)

func TestNoFileRaisesTheSoftLimit(t *testing.T) {
	soft, hard, err := NoFile()
	if err != nil || soft != hard {
		t.Errorf("soft %d, hard %d, %v", soft, hard, err)
	}
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil || r.Cur != hard || r.Max != hard {
		t.Errorf("%+v, %v", r, err)
	}
}
