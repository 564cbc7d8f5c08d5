//go:build linux

package server

import (
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
)

// Workers that are spread over processors serve what is opened on their own, however a hash would share it out, and so
// nobody is woken elsewhere.
func TestSpreadServesWhereItIsOpened(t *testing.T) {
	cpus, err := linux.AllowedCPUs()
	if err != nil {
		t.Fatal(err)
	}
	if len(cpus) < 2 {
		t.Skip("one processor")
	}
	for _, io := range []string{"epoll", "uring"} {
		t.Run(io, func(t *testing.T) { spreadOver(t, io, cpus[:2]) })
	}
}

func spreadOver(t *testing.T, io string, cpus []int) {
	if io == "uring" {
		if err := linux.TryRing(false); err != nil {
			t.Skip(err)
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := free.Addr().(*net.TCPAddr).AddrPort()
	_ = free.Close()
	s, err := New(Plan{
		Engine: "split", IO: io, Listen: []netip.AddrPort{at}, Backlog: 128, Workers: 2, Spread: cpus,
		Socket:  Socket{ReuseAddress: true, ReusePort: true},
		Sources: []netip.Addr{at.Addr()}, Timeout: scenario.Duration(5 * time.Second), Length: scenario.Duration(time.Minute),
		Request: 1, Response: 1, Steps: []teardown.Step{{Op: teardown.ReadEOF}, {Op: teardown.Close}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start(linux.Nano())
	const each = 40
	for i, cpu := range cpus {
		openFrom(t, cpu, at, each)
		for end := time.Now().Add(5 * time.Second); s.Progress().Opened < int64((i+1)*each) && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
	}
	for i, w := range s.workers {
		if n := w.opened.Load(); n != each {
			t.Errorf("%d connections were opened on processor %d, its worker accepted %d", each, cpus[i], n)
		}
	}
	s.Stop()
	<-s.Done()
}

// openFrom opens and closes connections on one processor.
func openFrom(t *testing.T, cpu int, at netip.AddrPort, n int) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: a thread that is pinned ends with its goroutine
		if err := linux.PinThread([]int{cpu}); err != nil {
			t.Error(err)
			return
		}
		to := linux.NewSockaddr(at)
		for range n {
			fd, e := linux.Socket(false)
			if e == 0 {
				if e = linux.Connect(fd, &to); e == linux.EINPROGRESS {
					e = 0
				}
			}
			if e != 0 {
				t.Error(e)
			}
			defer linux.Close(fd)
		}
	}()
	<-done
}
