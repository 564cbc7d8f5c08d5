//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink"

	"twomsl/internal/scenario"
)

// Addresses of a lab come from the ranges that are set aside for benchmarks (RFC 2544, RFC 5180).
var (
	clientV4 = netip.MustParsePrefix("198.18.0.1/15")
	serverV4 = netip.MustParsePrefix("198.19.0.1/15")
	clientV6 = netip.MustParsePrefix("2001:2::1:0:1/48")
	serverV6 = netip.MustParsePrefix("2001:2::2:0:1/48")
	loopV4   = netip.MustParsePrefix("127.0.0.1/8")
	// the most client addresses that a scenario may ask for are 1,000: they end at 127.0.3.232
	loopServersV4 = netip.MustParsePrefix("127.1.0.1/8")
	loopV6        = netip.MustParsePrefix("::1/128")
)

// With a relay the ranges are halved: one network for either link.
var (
	relayedV4 = relayed{
		client: netip.MustParsePrefix("198.18.0.1/16"), relay: netip.MustParsePrefix("198.18.128.1/16"),
		onward: netip.MustParsePrefix("198.19.128.1/16"), server: netip.MustParsePrefix("198.19.0.1/16"),
	}
	relayedV6 = relayed{
		client: netip.MustParsePrefix("2001:2:0:1::1:0:1/64"), relay: netip.MustParsePrefix("2001:2:0:1::2:0:1/64"),
		onward: netip.MustParsePrefix("2001:2:0:2::1:0:1/64"), server: netip.MustParsePrefix("2001:2:0:2::2:0:1/64"),
	}
)

// relayed has the first address of either end of both links.
type relayed struct{ client, relay, onward, server netip.Prefix }

// Chain has the addresses of a lab with a relay, link by link.
type Chain struct {
	Client, Relay  []netip.Prefix // on the link between these two
	Onward, Server []netip.Prefix // on the relay's link to the server
}

// RelayedAddresses gives those of a lab with a relay, as many as asked for, in order. The relay has one towards the client.
func RelayedAddresses(f scenario.Family, clients, onward, servers int) Chain {
	first := relayedV4
	if f == scenario.IPv6 {
		first = relayedV6
	}
	return Chain{
		Client: countUp(first.client, clients), Relay: countUp(first.relay, 1),
		Onward: countUp(first.onward, onward), Server: countUp(first.server, servers),
	}
}

// Addresses gives those of either side, as many as asked for, in order. Without a link the two sides share one address
// where the server has one, as is usual on loopback (IPv6 has no other there); several of the server's begin apart.
func Addresses(t scenario.Topology, f scenario.Family, clients, servers int) (client, server []netip.Prefix) {
	mine, theirs := clientV4, serverV4
	switch {
	case t == scenario.Veth && f == scenario.IPv6:
		mine, theirs = clientV6, serverV6
	case t != scenario.Veth && f == scenario.IPv6:
		mine, theirs = loopV6, loopV6
	case t != scenario.Veth:
		mine, theirs = loopV4, loopV4
		if servers > 1 {
			theirs = loopServersV4
		}
	}
	return countUp(mine, clients), countUp(theirs, servers)
}

func countUp(first netip.Prefix, n int) (out []netip.Prefix) {
	a := first.Addr()
	for range n {
		out = append(out, netip.PrefixFrom(a, first.Bits()))
		a = a.Next()
	}
	return out
}

// SetUpLink brings lo and the link's end in this process's namespace up and gives it the addresses. It runs in the
// peer.
func SetUpLink(addresses []netip.Prefix) error { return setUp(Link, addresses) }

// SetUpOnward does the same with a relay's link to the server.
func SetUpOnward(addresses []netip.Prefix) error { return setUp(Onward, addresses) }

func setUp(name string, addresses []netip.Prefix) error {
	if err := up("lo"); err != nil {
		return err
	}
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("link %s: %w", name, err)
	}
	for _, a := range addresses {
		addr := &netlink.Addr{IPNet: &net.IPNet{
			IP: a.Addr().AsSlice(), Mask: net.CIDRMask(a.Bits(), a.Addr().BitLen()),
		}}
		if a.Addr().Is6() {
			addr.Flags = ifaNoDAD // nobody else is on this link: don't wait for duplicate address detection
		}
		if err := netlink.AddrAdd(link, addr); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("address %s on %s: %w", a, name, err)
		}
	}
	return up(name)
}

// upLimit is how long a link may take to come up once both of its ends are.
const upLimit = 5 * time.Second

// AwaitLink waits until the link's end carries packets: a veth drops them silently until both ends are up, and the
// first SYN would be sent again a second later. A relay waits for both of its links.
func AwaitLink() error {
	if err := await(Link); err != nil {
		return err
	}
	var none netlink.LinkNotFoundError
	if _, err := netlink.LinkByName(Onward); errors.As(err, &none) {
		return nil
	}
	return await(Onward)
}

func await(name string) error {
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return fmt.Errorf("link %s: %w", name, err)
		}
		if link.Attrs().OperState == netlink.OperUp {
			return nil
		}
		if time.Since(begun) > upLimit {
			return fmt.Errorf("link %s is still %s after %v", name, link.Attrs().OperState, upLimit)
		}
	}
}

func up(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("link %s: %w", name, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("link %s up: %w", name, err)
	}
	return nil
}

// ifaNoDAD is IFA_F_NODAD of include/uapi/linux/if_addr.h.
const ifaNoDAD = 0x02
