//go:build linux

package facts

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"

	"twomsl/internal/linux"
	"twomsl/internal/sample"
)

// entries is what net/stat/nf_conntrack says of a host's namespace.
func (s *side) entries() int {
	s.t.Helper()
	s.enter()
	c, err := sample.OpenConntrack(sample.Here)
	must(s.t, err)
	defer func() { _ = c.Close() }()
	v, err := c.Read()
	must(s.t, err)
	return int(v.Entries)
}

// A namespace tracks from the first rule on that asks for a connection's state, and has entries of its own: the other end
// of the same connections has none. nf_conntrack_count says the same.
func TestNetNSConntrackIsPerNamespace(t *testing.T) {
	t.Parallel()
	const n = 10
	p := newPair(t)
	p.server.has("net.netfilter.nf_conntrack_count")
	l := p.serve(80)
	l.open().clientFirst()
	equal(t, "entries before any rule", p.server.entries(), 0)
	p.server.track()
	for range n {
		l.open().clientFirst()
	}
	equal(t, "entries of the server", p.server.entries(), n)
	equal(t, "entries of the client", p.client.entries(), 0)
	p.server.enter()
	text, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_count")
	must(t, err)
	equal(t, "nf_conntrack_count", atoi(t, strings.TrimSpace(string(text))), n)
}

// An entry outlives its connection by 120 s, twice as long as the TIME_WAIT of the socket, on either end, whoever closed.
func TestNetNSConntrackOutlivesTimeWait(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.server.has("net.netfilter.nf_conntrack_tcp_timeout_time_wait")
	p.server.track()
	l := p.serve(80)
	l.open().clientFirst()
	l.open().serverFirst()
	p.client.stands(inTimeWait(1))
	p.server.stands(inTimeWait(1))
	p.server.enter()
	flows, err := netlink.ConntrackTableList(netlink.ConntrackTable, netlink.InetFamily(syscall.AF_INET))
	must(t, err)
	equal(t, "entries", len(flows), 2)
	for _, f := range flows {
		if f.TimeOut > 120 || f.TimeOut <= 60 {
			t.Errorf("an entry goes after %d s, 120 were expected", f.TimeOut)
		}
	}
}

// A connection that has its whole life and one whose SYN comes again on the same ports are one entry.
func TestNetNSConntrackEntryIsUsedAgain(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.server.has("net.netfilter.nf_conntrack_count")
	p.server.track()
	l := p.serve(80)
	for range 5 {
		l.open(bindTo(p.client.address, 40000)).serverFirst()
	}
	equal(t, "entries after five connections from one port", p.server.entries(), 1)
	equal(t, "TIME_WAIT of the server", p.server.states()[linux.DiagTimeWait], 1)
}

func atoi(t testing.TB, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}
