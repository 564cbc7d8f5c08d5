package sample

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
)

// What a listener's row says: how many wait for accept(), the backlog, and with a split the SYN_RECV of that address.
func TestNetNSListening(t *testing.T) {
	nstest.Require(t)
	const backlog, waiting = 5, 3
	var at []netip.AddrPort
	for _, address := range []netip.Addr{ip4, netip.MustParseAddr("127.0.0.2")} {
		at = append(at, listenAt(t, netip.AddrPortFrom(address, 4000), backlog))
	}
	at = append(at, listenAt(t, netip.AddrPortFrom(netip.IPv4Unspecified(), 4001), backlog))
	for range waiting {
		dial(t, at[1])
	}
	s := states(t)
	var got []Listener
	for range 2000 { // over lo they wait at once
		var err error
		if got, err = s.Listening(Filter{}, got); err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(got, func(l Listener) bool { return l.Queue == waiting }) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	same := func(want []Listener, got []Listener) {
		t.Helper()
		for _, l := range want {
			if !slices.Contains(got, l) || len(got) != len(want) {
				t.Errorf("%+v, want %+v", got, want)
				return
			}
		}
	}
	want := []Listener{
		{Address: at[0].Addr(), Port: 4000, Backlog: backlog},
		{Address: at[1].Addr(), Port: 4000, Backlog: backlog, Queue: waiting},
		{Address: at[2].Addr(), Port: 4001, Backlog: backlog},
	}
	same(want, got)
	var split Split
	if err := s.Split(Filter{}, &split); err != nil {
		t.Fatal(err)
	}
	same(want, split.Listeners)
	if got, err := s.Listening(Filter{LocalPort: 4001}, got); err != nil || len(got) != 1 || got[0].Port != 4001 {
		t.Errorf("of port 4001: %+v, %v", got, err)
	}
}

// SYN_RECV go to the listener of their address, else to one at all addresses, and several sockets of one address are one
// listener, of which the fullest is told.
func TestListenersOfASplit(t *testing.T) {
	listen := func(at string, queue uint32) linux.DiagRow {
		r := row(linux.DiagListen, at, "0.0.0.0:0")
		r.RecvQueue, r.SendQueue = queue, 128
		return r
	}
	var s Split
	for range 2 { // a split is used again
		split(t, &s, listen("10.0.0.1:80", 1), listen("0.0.0.0:80", 0), listen("10.0.0.1:80", 7), listen("10.0.0.1:80", 3),
			row(linux.DiagSynRecv, "10.0.0.1:80", "10.0.0.2:1000"), row(linux.DiagSynRecv, "10.0.0.9:80", "10.0.0.2:1001"),
			row(linux.DiagSynRecv, "10.0.0.1:80", "10.0.0.2:1002"), row(linux.DiagSynRecv, "10.0.0.1:81", "10.0.0.2:1003"))
		want := []Listener{
			{netip.MustParseAddr("10.0.0.1"), 80, 7, 128, 2}, {netip.IPv4Unspecified(), 80, 0, 128, 1},
		}
		if !slices.Equal(s.Listeners, want) {
			t.Errorf("%+v, want %+v", s.Listeners, want)
		}
	}
}

// The table's totals are the namespace's own, and its files keep to it.
func TestNetNSConntrack(t *testing.T) {
	nstest.Require(t)
	c, err := OpenConntrack(Here)
	if errors.Is(err, ErrNoConntrack) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	outside(func() {
		for range 2 {
			if v, err := c.Read(); err != nil || v.Entries != 0 || v.Limit <= 0 || v.Dropped != 0 || v.EarlyDropped != 0 {
				t.Errorf("a new namespace has %+v, %v", v, err)
			}
		}
	})
}

func TestDescriptorsAreCounted(t *testing.T) {
	for _, proc := range []string{"/proc/self", "/proc/" + strconv.Itoa(os.Getpid())} {
		before, err := Descriptors(proc)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Open("/dev/null")
		if err != nil {
			t.Fatal(err)
		}
		after, err := Descriptors(proc)
		if err != nil || after != before+1 {
			t.Errorf("%s: %d, and %d with one more; %v", proc, before, after, err)
		}
		_ = f.Close()
	}
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		t.Fatal(err)
	}
	if n, err := DescriptorLimit("/proc/self"); err != nil || uint64(n) != r.Cur {
		t.Errorf("a limit of %d, %v; getrlimit says %d", n, err, r.Cur)
	}
}

func listenAt(t *testing.T, at netip.AddrPort, backlog int) netip.AddrPort {
	t.Helper()
	fd, sa := socket(t), linux.NewSockaddr(at)
	if e := linux.Bind(fd, &sa); e != 0 {
		t.Fatal(e)
	}
	if e := linux.Listen(fd, backlog); e != 0 {
		t.Fatal(e)
	}
	return at
}

func dial(t *testing.T, at netip.AddrPort) {
	t.Helper()
	fd, sa := socket(t), linux.NewSockaddr(at)
	if e := linux.Connect(fd, &sa); e != 0 && e != linux.EINPROGRESS {
		t.Fatal(e)
	}
}

func socket(t *testing.T) int {
	t.Helper()
	fd, e := linux.Socket(false)
	if e != 0 {
		t.Fatal(e)
	}
	t.Cleanup(func() { linux.Close(fd) })
	return fd
}
