//go:build linux

package trial

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"twomsl/internal/foreign"
	"twomsl/internal/linux"
)

// The test binary as a program that knows nothing of twomsl: started with this as its first argument, it calls the server that
// its environment names.
const asCaller = "call"

// caller is the command line of one that calls so.
func caller(t *testing.T, args string) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path + " " + asCaller + " " + args
}

// call makes connections with one request each, and gives the exit code of a program that minds failures.
func call(args []string) int {
	set := flag.NewFlagSet(asCaller, flag.ExitOnError)
	n := set.Int("n", 1, "connections of each thread")
	threads := set.Int("threads", 1, "")
	how := set.String("how", "net", "net (non-blocking sockets), hasty (the same, closing at once), bound (the same, after bind()), waiting (connect() waits), closed (a port where nobody listens), own (a server of "+
		"this process's own), busy (300 ms of processor time)")
	if set.Parse(args) != nil {
		return 2
	}
	to := netip.MustParseAddrPort(net.JoinHostPort(os.Getenv(foreign.AddressVar), os.Getenv(foreign.PortVar)))
	one := map[string]func(netip.AddrPort) error{"net": callByNet, "hasty": callHasty, "bound": callBound, "waiting": callWaiting, "closed": callClosed, "own": callOwn, "busy": beBusy}[*how]
	var all sync.WaitGroup
	failed := make(chan error, *n**threads)
	for range *threads {
		all.Go(func() {
			for range *n {
				if err := one(to); err != nil {
					failed <- err
				}
			}
		})
	}
	all.Wait()
	if len(failed) > 0 {
		fmt.Fprintln(os.Stderr, len(failed), "failed:", <-failed)
		return 1
	}
	return 0
}

func callByNet(to netip.AddrPort) error {
	c, err := net.Dial("tcp", to.String())
	if err != nil {
		return err
	}
	return exchangeHTTP(c, true)
}

// callBound has bind() choose the port, for all destinations at once.
func callBound(to netip.AddrPort) error {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(198, 18, 0, 1)}}
	c, err := d.Dial("tcp", to.String())
	if err != nil {
		return err
	}
	return exchangeHTTP(c, true)
}

// callHasty closes when it has the last byte, as curl does, whatever the server says of its own close.
func callHasty(to netip.AddrPort) error {
	c, err := net.Dial("tcp", to.String())
	if err != nil {
		return err
	}
	return exchangeHTTP(c, false)
}

// exchangeHTTP asks once, and closes first unless the server says that it does.
func exchangeHTTP(c net.Conn, polite bool) error {
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: server\r\n\r\n"); err != nil {
		return err
	}
	in := bufio.NewReader(c)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return err
	}
	if _, err = io.Copy(io.Discard, resp.Body); err == nil && resp.Close && polite {
		_, err = io.Copy(io.Discard, in)
	}
	return err
}

func callWaiting(to netip.AddrPort) error {
	fd, e := linux.SocketBlocking(to.Addr().Is6())
	if e != 0 {
		return e
	}
	at := linux.NewSockaddr(to)
	if e := linux.ConnectTold(fd, &at); e != 0 {
		linux.Close(fd)
		return e
	}
	f := os.NewFile(uintptr(fd), "")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return err
	}
	return exchangeHTTP(c, true)
}

func callClosed(to netip.AddrPort) error {
	c, err := net.Dial("tcp", netip.AddrPortFrom(to.Addr(), 1).String())
	if err == nil {
		c.Close()
		return errors.New("somebody listened")
	}
	return nil // as it should be
}

func callOwn(netip.AddrPort) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err
	}
	s, err := l.Accept()
	if err != nil {
		return err
	}
	c.Close()
	_, err = io.Copy(io.Discard, s)
	s.Close()
	return err
}

// busyFor is what beBusy uses.
const busyFor = 300 * time.Millisecond

func beBusy(netip.AddrPort) error {
	for {
		if user, system := linux.ProcessCPU(); user+system > busyFor {
			return nil
		}
		for i := range 1000 {
			_ = strconv.Itoa(i)
		}
	}
}

// unwatchable runs a function on a thread whose children nobody can watch once more: a tree of processes has one listener
// (seccomp(2), EBUSY).
func unwatchable(t *testing.T, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: it has the filter
		n, err := linux.NotifyConnects()
		if err != nil {
			t.Error(err)
			return
		}
		over := make(chan struct{})
		go func() {
			defer close(over)
			for notice, more, err := n.Next(); more && err == nil; notice, more, err = n.Next() {
				n.LetGo(notice.ID)
			}
		}()
		do()
		n.Quit()
		<-over
		n.Close()
	}()
	<-done
}
