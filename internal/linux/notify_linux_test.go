package linux

import (
	"net"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// watched runs a function on a thread whose connect() and bind() another goroutine answers, as told.
func watched(t *testing.T, answer func(*Notifier, Notice), do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: it has the filter
		n, err := NotifyConnects()
		if err != nil {
			t.Error(err)
			return
		}
		over := make(chan struct{})
		go func() {
			defer close(over)
			for notice, more, err := n.Next(); more; notice, more, err = n.Next() {
				if err != nil {
					t.Error(err)
				}
				answer(n, notice)
			}
		}()
		do()
		n.Quit()
		<-over
		n.Close()
	}()
	<-done
}

func listener(t *testing.T) Sockaddr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return NewSockaddr(l.Addr().(*net.TCPAddr).AddrPort())
}

func fresh(t *testing.T) int {
	t.Helper()
	fd, e := SocketBlocking(false)
	good(t, "socket", e)
	t.Cleanup(func() { Close(fd) })
	return fd
}

// A call can be let go, answered without being made, and made on a descriptor of the same socket; its address is read where it
// stands in the caller's memory.
func TestNotifiedConnect(t *testing.T) {
	to := listener(t)
	for name, c := range map[string]struct {
		answer func(*Notifier, Notice)
		want   Errno
	}{
		"let go":   {func(n *Notifier, call Notice) { n.LetGo(call.ID) }, 0},
		"answered": {func(n *Notifier, call Notice) { n.Answer(call.ID, EADDRNOTAVAIL) }, EADDRNOTAVAIL},
		"made in its place": {func(n *Notifier, call Notice) {
			at, inet, e := SockaddrOf(call)
			if e != 0 || !inet || at.AddrPort() != to.AddrPort() || call.Bind || !n.Waits(call.ID) {
				t.Errorf("%v to %v, %v", call, at.AddrPort(), e)
			}
			fd, e := Take(call.TID, call.FD)
			good(t, "pidfd_getfd", e)
			if !IsTCP(fd) || !Unconnected(fd) || !CallsWait(fd) {
				t.Error("it is no TCP socket that waits and is not connected")
			}
			e = ConnectTold(fd, &at)
			if Unconnected(fd) {
				t.Error("it is not connected yet")
			}
			Close(fd)
			n.Answer(call.ID, e)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			fd := fresh(t)
			var got Errno
			watched(t, c.answer, func() { got = ConnectTold(fd, &to) })
			if got != c.want {
				t.Fatalf("%v, not %v", got, c.want)
			}
			var peer Sockaddr
			if connected := LocalAddr(fd, &peer) == 0 && peer.Port() != 0; connected != (c.want == 0) {
				t.Errorf("connected: %v", connected)
			}
		})
	}
}

// The process of a thread is found without /proc, which has another namespace's numbers.
func TestLeaderOfAThread(t *testing.T) {
	var tid int
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if tid = unix.Gettid(); leader(tid) != unix.Getpid() {
			t.Errorf("%d is of %d, not of %d", tid, leader(tid), unix.Getpid())
		}
	}()
	<-done
}
