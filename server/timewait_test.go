//go:build linux

package server_test

import (
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"twomsl/internal/pairtest"
	"twomsl/internal/payload"
	"twomsl/internal/scenario"
	"twomsl/server"
)

// from opens a connection from a given port, whatever stands there in TIME_WAIT.
func from(t *testing.T, port int, address netip.AddrPort) *net.TCPConn {
	t.Helper()
	d := net.Dialer{
		LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port},
		Control: func(_, _ string, c syscall.RawConn) (err error) {
			control := c.Control(func(fd uintptr) {
				err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
			})
			if control != nil {
				return control
			}
			return err
		},
	}
	c, err := d.Dial("tcp4", address.String())
	must(t, err)
	return c.(*net.TCPConn)
}

// serverClosesFirst runs one connection to its end: the client closes when it has seen the server's FIN.
func serverClosesFirst(t *testing.T, port int, address netip.AddrPort) {
	t.Helper()
	c := from(t, port, address)
	write(t, c, payload.Request(64))
	got, err := io.ReadAll(c)
	must(t, err)
	if !payload.Response(64).Matches(0, got) || len(got) != 64 {
		t.Errorf("the response is %x", got)
	}
	must(t, c.Close())
}

// A tuple that comes back had its TIME_WAIT replaced, outlived it, or one cannot tell, by how long ago it was closed.
func TestTupleThatComesBack(t *testing.T) { pairtest.EachEngine(t, tupleThatComesBack) }

func tupleThatComesBack(t *testing.T, engine string) {
	const never, always = scenario.Duration(time.Hour), scenario.Duration(1)
	for _, c := range []struct {
		name                         string
		least, most                  scenario.Duration
		replaced, expired, uncertain int64
	}{
		// the second connection's TIME_WAIT still stands at the end, or has expired, or may have
		{"too soon", never, 2 * never, 1, 0, 0},
		{"later than the longest life", always, always, 0, 2, 0},
		{"in between", always, never, 0, 0, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			pairtest.Descriptors(t)
			s, address := serve(t, server.Plan{
				Engine: engine,
				Steps:  first, LeavesTimeWait: true, LifeLeast: c.least, LifeMost: c.most, Sources: []netip.Addr{loopback},
			})
			port := int(pairtest.Reserve(t, loopback).Port())
			for range 2 {
				serverClosesFirst(t, port, address)
				time.Sleep(3 * time.Millisecond) // closes are remembered to the millisecond
			}
			res := stop(t, s)
			if res.Replaced != c.replaced || res.Expired != c.expired || res.Uncertain != c.uncertain {
				t.Errorf("%d replaced, %d expired, %d uncertain", res.Replaced, res.Expired, res.Uncertain)
			}
			if res.FirstCloses != 2 || res.Foreigners != 0 {
				t.Errorf("%+v", res)
			}
		})
	}
}

// A tuple that came back and was not closed first again has no second TIME_WAIT to account for.
func TestTupleThatComesBackAndFails(t *testing.T) { pairtest.EachEngine(t, tupleThatComesBackAndFails) }

func tupleThatComesBackAndFails(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	s, address := serve(t, server.Plan{Engine: engine, Steps: first, LeavesTimeWait: true, LifeLeast: 1, LifeMost: 1, Sources: []netip.Addr{loopback}})
	port := int(pairtest.Reserve(t, loopback).Port())
	serverClosesFirst(t, port, address)
	time.Sleep(3 * time.Millisecond) // closes are remembered to the millisecond
	c := from(t, port, address)
	write(t, c, payload.Response(64))
	pairtest.Until(t, "the second one has failed", func() bool { return s.Progress().Failed == 1 })
	must(t, c.Close())
	if res := stop(t, s); res.Expired != 1 || res.Replaced != 0 || res.Uncertain != 0 {
		t.Errorf("%+v", res)
	}
}

// The same client port at another address of the server is another tuple.
func TestTuplesOfSeveralListeners(t *testing.T) { pairtest.EachEngine(t, tuplesOfSeveralListeners) }

func tuplesOfSeveralListeners(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	listen := []netip.AddrPort{pairtest.Reserve(t, loopback), pairtest.Reserve(t, netip.MustParseAddr("127.0.0.3"))}
	s, _ := serve(t, server.Plan{Engine: engine, Steps: first, LeavesTimeWait: true, Listen: listen, Sources: []netip.Addr{loopback}})
	port := int(pairtest.Reserve(t, loopback).Port())
	for _, address := range listen {
		serverClosesFirst(t, port, address)
	}
	if res := stop(t, s); res.Replaced != 0 || res.FirstCloses != 2 {
		t.Errorf("%d of two different tuples were replaced: %+v", res.Replaced, res)
	}
}
