//go:build linux

package lab

import (
	"encoding/json"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"twomsl/internal/linux/nstest"
	"twomsl/internal/scenario"
)

func startRelayed(t *testing.T) *Lab {
	t.Helper()
	nstest.Require(t)
	l, err := StartRelayed(program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// Three hosts, each in a namespace of its own: the relay reaches the server and the client the relay, from every address;
// client and server do not reach each other.
func TestNetNSRelayedHosts(t *testing.T) {
	t.Parallel()
	for _, f := range scenario.Families {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			l := startRelayed(t)
			c := RelayedAddresses(f, 2, 3, 2)
			hasPrefixes(t, tell(t, &l.Client, puppetOrder{Do: "up", Addresses: c.Client}).Addresses, c.Client)
			hasPrefixes(t, tell(t, &l.Server, puppetOrder{Do: "up", Addresses: c.Server}).Addresses, c.Server)
			got := tell(t, l.Relay, puppetOrder{Do: "up", Addresses: c.Relay, Onward: c.Onward}).Addresses
			hasPrefixes(t, got, slices.Concat(c.Relay, c.Onward))
			spaces := map[string]bool{}
			for _, p := range l.Peers() {
				spaces[tell(t, p, puppetOrder{Do: "linked"}).NetNS] = true
			}
			if here, _ := os.Readlink("/proc/thread-self/ns/net"); len(spaces) != 3 || spaces[here] {
				t.Errorf("namespaces %v, this is %s", spaces, here)
			}
			for _, way := range []struct {
				from, to *Peer
				at       netip.Addr
			}{{&l.Client, l.Relay, c.Relay[0].Addr()}, {l.Relay, &l.Server, c.Server[1].Addr()}} {
				at := tell(t, way.to, puppetOrder{Do: "listen", At: netip.AddrPortFrom(way.at, 0)}).At
				tell(t, way.from, puppetOrder{Do: "dial", At: at})
			}
			at := netip.AddrPortFrom(c.Server[0].Addr(), 1)
			if err := json.NewEncoder(l.Client.Control).Encode(puppetOrder{Do: "dial", At: at}); err != nil {
				t.Fatal(err)
			}
			var a puppetAnswer
			if err := json.NewDecoder(l.Client.Control).Decode(&a); err != nil || !strings.Contains(a.Error, "unreachable") {
				t.Errorf("the client on its way to the server: %q, %v", a.Error, err)
			}
		})
	}
}

// Two labs with a relay have the same addresses, so no address is on both links, and none is the plain lab's network.
func TestRelayedAddresses(t *testing.T) {
	for _, f := range scenario.Families {
		c := RelayedAddresses(f, 1000, 1000, 1000)
		if len(c.Client) != 1000 || len(c.Relay) != 1 || len(c.Onward) != 1000 || len(c.Server) != 1000 {
			t.Errorf("%s: %d, %d, %d, %d addresses", f, len(c.Client), len(c.Relay), len(c.Onward), len(c.Server))
		}
		near, far := c.Client[0].Masked(), c.Server[0].Masked()
		if near.Overlaps(far) {
			t.Errorf("%s: %s and %s overlap", f, near, far)
		}
		seen := map[netip.Addr]bool{}
		for _, p := range slices.Concat(c.Client, c.Relay) {
			if !near.Contains(p.Addr()) || seen[p.Addr()] {
				t.Fatalf("%s: %s", f, p)
			}
			seen[p.Addr()] = true
		}
		for _, p := range slices.Concat(c.Onward, c.Server) {
			if !far.Contains(p.Addr()) || seen[p.Addr()] {
				t.Fatalf("%s: %s", f, p)
			}
			seen[p.Addr()] = true
		}
	}
}

// A relay that dies is told of by its name, with its last words; the others live on.
func TestNetNSRelayDies(t *testing.T) {
	t.Parallel()
	l := startRelayed(t)
	if err := json.NewEncoder(l.Relay.Control).Encode(puppetOrder{Do: "die", Words: "no backend"}); err != nil {
		t.Fatal(err)
	}
	if e := <-l.Exits(); e.Side != "relay" || !strings.Contains(e.Text, "exit status 7") || l.Relay.LastWords() != "no backend" {
		t.Errorf("reported: %+v, last words %q", e, l.Relay.LastWords())
	}
	tell(t, &l.Client, puppetOrder{})
	tell(t, &l.Server, puppetOrder{})
}
