//go:build linux

package server_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twomsl/client"
	"twomsl/internal/linux"
	"twomsl/internal/pairtest"
	"twomsl/internal/payload"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
	"twomsl/server"
)

var (
	loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	passive  = []teardown.Step{{Op: teardown.ReadEOF}, {Op: teardown.Close}}
	first    = []teardown.Step{{Op: teardown.Close}}
)

// serve starts a server for hand-written clients: 64 bytes each way, the client closes first, unless the plan says
// otherwise.
func serve(t *testing.T, plan server.Plan) (server.Engine, netip.AddrPort) {
	t.Helper()
	if plan.Listen == nil {
		plan.Listen = []netip.AddrPort{pairtest.Reserve(t, loopback)}
	}
	if plan.Steps == nil {
		plan.Steps = passive
	}
	c := client.Plan{Destinations: plan.Listen}
	pairtest.ClientPlan(&c)
	pairtest.ServerPlan(&plan, &c)
	pairtest.Procs(t, plan.Threads())
	pairtest.Served(t, &plan)
	s, err := server.Open(plan)
	if err != nil {
		t.Fatal(err)
	}
	s.Start(server.Now())
	t.Cleanup(func() {
		s.Stop()
		pairtest.Done(t, "the server", s.Done())
	})
	return s, plan.Listen[0]
}

// stop waits until nothing is open and gives the result.
func stop(t *testing.T, s server.Engine) server.Result {
	t.Helper()
	pairtest.Until(t, "the server has nothing open", func() bool { return s.Progress().InFlight() == 0 })
	s.Stop()
	pairtest.Done(t, "the server", s.Done())
	if err := s.Err(); err != nil {
		t.Error(err)
	}
	return s.Result(server.Now())
}

func dial(t *testing.T, address netip.AddrPort) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

func write(t *testing.T, c net.Conn, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

// exchange says the request, takes the response and closes.
func exchange(t *testing.T, c net.Conn) {
	t.Helper()
	write(t, c, payload.Request(64))
	got := make([]byte, 64)
	if _, err := io.ReadFull(c, got); err != nil || !payload.Response(64).Matches(0, got) {
		t.Fatalf("the response is %x, %v", got, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// ends sorts what was counted into "phase cause errno".
func ends(outcomes []record.Outcome) map[string]int64 {
	m := map[string]int64{}
	for _, o := range outcomes {
		m[strings.TrimSpace(o.Phase+" "+o.Cause+" "+o.Errno)] += o.Count
	}
	return m
}

// Whatever a client does, it is told by what it is, the server goes on, and the next one is served.
func TestFaultyClients(t *testing.T) { pairtest.EachEngine(t, faultyClients) }

func faultyClients(t *testing.T, engine string) {
	request := payload.Request(64)
	for _, c := range []struct {
		name    string
		plan    server.Plan
		do      func(*testing.T, *net.TCPConn)
		want    string
		allRead int64 // of the bytes of the faulty ones, those that the server has read; -1: any number
	}{
		{"half a request, then a FIN", server.Plan{}, func(t *testing.T, c *net.TCPConn) {
			write(t, c, request[:32])
			must(t, c.CloseWrite())
		}, "read short-read", 32},
		{"a FIN at once", server.Plan{}, func(t *testing.T, c *net.TCPConn) {
			must(t, c.Close())
		}, "read short-read", 0},
		{"garbage", server.Plan{}, func(t *testing.T, c *net.TCPConn) {
			write(t, c, payload.Response(64))
		}, "read wrong-bytes", 64},
		{"too much", server.Plan{}, func(t *testing.T, c *net.TCPConn) {
			write(t, c, append(request[:64:64], 0))
		}, "read wrong-bytes", 65},
		{
			"silence",
			server.Plan{Timeout: scenario.Duration(20 * time.Millisecond)},
			func(*testing.T, *net.TCPConn) {},
			"read timed-out", 0,
		},
		{
			"half a request, then silence",
			server.Plan{Timeout: scenario.Duration(20 * time.Millisecond)},
			func(t *testing.T, c *net.TCPConn) {
				write(t, c, request[:32])
			}, "read timed-out", -1,
		},
		{"half a request, then an RST", server.Plan{}, func(t *testing.T, c *net.TCPConn) {
			write(t, c, request[:32])
			must(t, c.SetLinger(0))
			must(t, c.Close())
		}, "read reset ECONNRESET", -1},
		{"no end", server.Plan{Timeout: scenario.Duration(20 * time.Millisecond)}, func(t *testing.T, c *net.TCPConn) {
			write(t, c, request)
		}, "close timed-out", 64},
		{"more instead of an end", server.Plan{}, func(t *testing.T, c *net.TCPConn) {
			write(t, c, request)
			if _, err := io.ReadFull(c, make([]byte, 64)); err != nil {
				t.Error(err)
			}
			write(t, c, request[:1])
		}, "close wrong-bytes", 65},
		{
			"a response that is not read",
			server.Plan{Timeout: scenario.Duration(100 * time.Millisecond), Response: 64 << 20},
			func(t *testing.T, c *net.TCPConn) {
				write(t, c, request)
			}, "write timed-out", 64,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			pairtest.Descriptors(t)
			c.plan.Engine = engine
			s, address := serve(t, c.plan)
			const n = 5
			for i := range int64(n) {
				conn := dial(t, address)
				c.do(t, conn)
				pairtest.Until(t, "the faulty one is counted", func() bool { return s.Progress().Failed == i+1 })
				must(t, ignoreClosed(conn.Close()))
			}
			if c.plan.Response == 0 && c.plan.Timeout == 0 {
				exchange(t, dial(t, address))
			}
			res := stop(t, s)
			want := map[string]int64{"ok": res.Progress.OK, c.want: n}
			if diff := cmp.Diff(want, ends(res.Outcomes)); diff != "" {
				t.Error(diff)
			}
			if read := res.Read - 64*res.Progress.OK; c.allRead >= 0 && read != n*c.allRead {
				t.Errorf("%d bytes read of the faulty ones, expected %d", read, n*c.allRead)
			}
			if res.Progress.Opened != n+res.Progress.OK || res.FirstCloses != 0 {
				t.Errorf("%+v", res)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Stop gives up what is open: those connections are unfinished.
func TestStopGivesUp(t *testing.T) { pairtest.EachEngine(t, stopGivesUp) }

func stopGivesUp(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	s, address := serve(t, server.Plan{Engine: engine, Workers: 2})
	for range 4 {
		dial(t, address)
	}
	pairtest.Until(t, "four are open", func() bool { return s.Progress().Opened == 4 })
	s.Stop()
	pairtest.Done(t, "the server", s.Done())
	res := s.Result(server.Now())
	if diff := cmp.Diff(map[string]int64{"ok": 0}, ends(res.Outcomes)); diff != "" || res.Unfinished != 4 {
		t.Errorf("%s\n%+v", diff, res)
	}
}

const (
	// childOfEMFILE tells the process that may have few descriptors.
	childOfEMFILE = "TWOMSL_TEST_FEW_DESCRIPTORS"
	fewFree       = 10
	many          = 40
	// shortFor is how long nobody gives a descriptor back; shortageLimit is server's.
	shortFor      = 500 * time.Millisecond
	shortageLimit = 100 * time.Millisecond
)

// With more connections than descriptors, accept() fails and says so; what was accepted is served, and the others are
// as soon as there is room again. The limit is lowered in a process of its own.
func TestMoreConnectionsThanDescriptors(t *testing.T) {
	if os.Getenv(childOfEMFILE) == "" {
		c := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=1m")
		c.Env = append(os.Environ(), childOfEMFILE+"=1")
		if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()+" ") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	s, address := serve(t, server.Plan{})
	clients := sockets(t, many)
	restore := leaveDescriptors(t, fewFree)
	connect(t, clients, address)
	began := time.Now()
	pairtest.Until(t, "there is no room", func() bool { return s.Progress().Opened == fewFree })
	time.Sleep(shortFor)
	exchangeAll(t, clients)
	restore()
	res := stop(t, s)
	// Once for each connection that gave its descriptor back, and then every now and then: a listener stays ready.
	most := int64(many) + int64(time.Since(began)/shortageLimit) + 2
	got := ends(res.Outcomes)
	refused := got["accept out-of-descriptors EMFILE"]
	if refused > most {
		t.Errorf("accept() failed %d times, expected %d at most: it spins", refused, most)
	}
	delete(got, "accept out-of-descriptors EMFILE")
	if diff := cmp.Diff(map[string]int64{"ok": many}, got); diff != "" || refused == 0 || res.Progress.Opened != many {
		t.Errorf("%s\n%d times EMFILE, %+v", diff, refused, res)
	}
}

// sockets are made beforehand, so that connect() takes no descriptor.
func sockets(t *testing.T, n int) (fds []int) {
	t.Helper()
	for range n {
		fd, e := linux.Socket(false)
		if e != 0 {
			t.Fatal(e)
		}
		fds = append(fds, fd)
	}
	return fds
}

func connect(t *testing.T, fds []int, address netip.AddrPort) {
	t.Helper()
	to := linux.NewSockaddr(address)
	for _, fd := range fds {
		if e := linux.Connect(fd, &to); e != 0 && e != linux.EINPROGRESS {
			t.Fatal(e)
		}
	}
}

// exchangeAll says every request, takes the responses in the order of the connects, which is that of the listener's
// queue, and closes.
func exchangeAll(t *testing.T, fds []int) {
	t.Helper()
	request, response := payload.Request(64), make([]byte, 64)
	for _, fd := range fds {
		pairtest.Until(t, "the request is out", func() bool {
			_, e := linux.Write(fd, request)
			return e == 0
		})
	}
	for _, fd := range fds {
		pairtest.Until(t, "the response is there", func() bool {
			n, e := linux.Read(fd, response)
			return e == 0 && n == 64
		})
		linux.Close(fd)
	}
}

// The server keeps connections by their descriptors, with room for 1,024 at first: those from 1,023 on are served, too.
func TestManyDescriptors(t *testing.T) {
	pairtest.Descriptors(t)
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	const enough = 1200
	if limit.Cur < enough {
		t.Skipf("this process may have %d descriptors, %d are needed: raise ulimit -n", limit.Cur, enough)
	}
	s, address := serve(t, server.Plan{})
	clients := sockets(t, 10)
	for { // takes all numbers below
		fd, err := syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		must(t, err)
		t.Cleanup(func() { linux.Close(fd) })
		if fd >= 1022 {
			break
		}
	}
	connect(t, clients, address)
	exchangeAll(t, clients)
	pairtest.OnlyOK(t, int64(len(clients)), stop(t, s).Outcomes)
}

// leaveDescriptors lowers the limit so that so many can still be opened.
func leaveDescriptors(t *testing.T, n uint64) (restore func()) {
	t.Helper()
	var before syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before))
	next, e := linux.Socket(false) // the lowest number that is free
	if e != 0 {
		t.Fatal(e)
	}
	linux.Close(next)
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(next) + n, Max: before.Max}))
	return func() { must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before)) }
}

func TestListenersThatCannotBe(t *testing.T) { pairtest.EachEngine(t, listenersThatCannotBe) }

func listenersThatCannotBe(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { must(t, taken.Close()) })
	for _, c := range []struct{ address, want string }{
		{taken.Addr().String(), "bind: EADDRINUSE"},
		{"192.0.2.1:7000", "bind: EADDRNOTAVAIL"},
	} {
		good := pairtest.Reserve(t, loopback)
		_, err := server.Open(server.Plan{
			Engine: engine, Workers: 2, Listen: []netip.AddrPort{good, netip.MustParseAddrPort(c.address)},
			Socket: server.Socket{ReuseAddress: true, ReusePort: true},
		})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("listener %s: %s", c.address, c.want)) {
			t.Errorf("%s: %v", c.address, err)
		}
	}
}

func TestWorkerThatCannotBePinned(t *testing.T) {
	pairtest.Descriptors(t)
	s, _ := serve(t, server.Plan{Workers: 2, CPUs: []int{1 << 20}})
	pairtest.Done(t, "the server", s.Done())
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "Cpus_allowed_list") {
		t.Error(err)
	}
}
