//go:build linux

package server_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"

	"twomsl/internal/linux"
	"twomsl/internal/pairtest"
	"twomsl/server"
)

// What comes from the address that is ignored is reset and counted nowhere, whether it waits for that, says something or
// has reset the connection itself; the others are served as ever.
func TestIgnoredAddressIsInNoCount(t *testing.T) { pairtest.EachEngine(t, ignoredAddress) }

func ignoredAddress(t *testing.T, engine string) {
	other := netip.MustParseAddr("127.0.0.77")
	s, at := serve(t, server.Plan{Engine: engine, Ignore: other})
	from := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(other, 0))}
	for i := range 3 {
		c, err := from.Dial("tcp", at.String())
		if err != nil && isReset(err) {
			continue // sooner than the library had looked
		}
		must(t, err)
		switch i % 3 {
		case 0:
			must(t, c.(*net.TCPConn).SetLinger(0))
		case 1:
			if _, err := io.WriteString(c, "hello"); err != nil && !isReset(err) {
				t.Error(err)
			}
			fallthrough
		default:
			if _, err := io.ReadAll(c); err == nil || !isReset(err) {
				t.Errorf("the end is %v, not a reset", err)
			}
		}
		must(t, c.Close())
	}
	for range 4 {
		exchange(t, dial(t, at))
	}
	r := stop(t, s)
	if r.Progress.Opened != 4 || r.Progress.OK != 4 || r.Foreigners != 0 || r.Unfinished != 0 || r.Resets != 0 {
		t.Errorf("%+v", r)
	}
	if n := len(ends(r.Outcomes)); n != 1 {
		t.Errorf("outcomes %+v", r.Outcomes)
	}
}

func isReset(err error) bool { return errors.Is(err, linux.ECONNRESET) || errors.Is(err, linux.EPIPE) }
