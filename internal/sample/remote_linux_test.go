package sample

import (
	"net"
	"net/netip"
	"testing"

	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
)

// Two servers have the same port at different addresses: a filter by the peer's address tells their clients apart.
func TestNetNSRemote(t *testing.T) {
	nstest.Require(t)
	l, err := net.Listen("tcp4", "0.0.0.0:8080")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing is written
	for address, n := range map[string]int{"127.0.0.1": 2, "127.0.0.2": 3} {
		for range n {
			c, err := net.Dial("tcp4", address+":8080")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close() //nolint:errcheck // nothing is written
		}
	}
	for address, want := range map[string]int64{"127.0.0.1": 2, "127.0.0.2": 3, "127.0.0.3": 0, "": 5} {
		f := Filter{RemotePort: 8080, CountsOnly: true}
		if address != "" {
			f.Remote = netip.MustParseAddr(address)
		}
		split, err := Once(f)
		if err != nil {
			t.Fatal(err)
		}
		if got := split.Counts[record.Established]; got != want {
			t.Errorf("%d connections to %q, want %d", got, address, want)
		}
	}
}
