//go:build linux

package assay

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"

	"twomsl/internal/linux"
	"twomsl/internal/sample"
	"twomsl/internal/sysctl"
)

// The addresses are set aside for benchmarks (RFC 2544).
var (
	clientPrefix = netip.MustParsePrefix("198.18.0.1/15")
	serverPrefix = netip.MustParsePrefix("198.19.0.1/15")
)

const linkName = "link"

// host is a network namespace with one end of the link. The experiment's thread hops between two: a socket stays in the
// namespace in which it was made.
type host struct {
	b       *bench
	ns      *linux.NetNS
	address netip.Addr
	second  netip.Addr
	diag    *linux.Diag
	open    map[int]bool // descriptors to give back
}

// pair is two hosts on a link.
type pair struct {
	b              *bench
	client, server *host
}

// pair makes two hosts joined by veth. Stray RST must not spoil exact counts: tcp_rfc1337 is 1 on both.
func (b *bench) pair() *pair {
	p := &pair{b: b, client: b.host(clientPrefix.Addr()), server: b.host(serverPrefix.Addr())}
	b.must("veth", netlink.LinkAdd(&netlink.Veth{ // the thread is in the server's namespace
		LinkAttrs: netlink.LinkAttrs{Name: linkName},
		PeerName:  linkName, PeerNamespace: netlink.NsFd(p.client.ns.FD()),
	}))
	p.server.setUp(serverPrefix)
	p.client.setUp(clientPrefix)
	p.client.linkIsUp() // until then what is sent is lost, and TCP tries again only after a second
	p.server.linkIsUp()
	p.mend() // nobody is asked for, so no answer gets lost
	return p
}

func (b *bench) host(address netip.Addr) *host {
	ns, err := linux.NewNetNS()
	if err != nil {
		b.cannot("%w", err)
	}
	h := &host{b: b, ns: ns, address: address, second: address.Next(), open: map[int]bool{}}
	b.leave = append(b.leave, func() { _ = ns.Close() })
	h.diag, err = linux.OpenDiag()
	b.must("sock_diag", err)
	b.leave = append(b.leave, func() {
		_ = h.diag.Close()
		for fd := range h.open {
			linux.SetLinger(fd, 0)
			linux.Close(fd)
		}
	})
	lo, err := netlink.LinkByName("lo")
	b.must("lo", err)
	b.must("lo", netlink.LinkSetUp(lo))
	h.set("net.ipv4.tcp_rfc1337", "1")
	return h
}

func (h *host) setUp(prefix netip.Prefix) {
	link := h.link()
	for _, a := range []netip.Addr{h.address, h.second} {
		h.addAddress(link, netip.PrefixFrom(a, prefix.Bits()))
	}
	h.b.must("link up", netlink.LinkSetUp(link))
}

func (h *host) addAddress(link netlink.Link, a netip.Prefix) {
	h.b.must("address", netlink.AddrAdd(link, &netlink.Addr{IPNet: &net.IPNet{
		IP: a.Addr().AsSlice(), Mask: net.CIDRMask(a.Bits(), a.Addr().BitLen()),
	}}))
}

func (h *host) linkIsUp() {
	h.b.wait("the link comes up", func() bool { return h.link().Attrs().OperState == netlink.OperUp })
}

func (h *host) link() netlink.Link {
	h.enter()
	link, err := netlink.LinkByName(linkName)
	h.b.must("link", err)
	return link
}

// enter moves the experiment's thread to this host.
func (h *host) enter() { h.b.must("enter", h.ns.Enter()) }

// set writes a setting, which must then read back as asked.
func (h *host) set(key, value string) {
	h.enter()
	if _, refused := sysctl.Apply(sysctl.DefaultRoot, []sysctl.Setting{{Key: key, Value: value}}); refused != nil {
		h.b.cannot("%s = %s: %s", key, value, refused[0].Reason)
	}
}

// get reads a setting.
func (h *host) get(key string) string {
	h.enter()
	v, err := sysctl.Read(sysctl.DefaultRoot, key)
	if err != nil {
		h.b.cannot("this kernel has no %s: %w", key, err)
	}
	return v
}

// setWhereSaid writes a setting that an argument names, unless that says default.
func (h *host) setWhereSaid(key, argument string) {
	if v := h.b.arguments[argument]; v != "default" {
		h.set(key, v)
	}
}

// counter gives what a counter has counted since the namespace was made.
func (h *host) counter(name string) int {
	h.enter()
	all, err := sample.Counters(sample.Here)
	h.b.must("counters", err)
	n, ok := all[name]
	if !ok {
		h.b.cannot("this kernel has no counter %s", name)
	}
	return int(n)
}

// each visits the sockets in these states.
func (h *host) each(states uint32, visit func(*linux.DiagRow)) {
	h.b.must("sock_diag", h.diag.Dump(linux.DiagQuery{States: states}, visit))
}

// standing counts the sockets in a state.
func (h *host) standing(state uint8) (n int) {
	h.each(1<<state, func(r *linux.DiagRow) {
		if r.State == state {
			n++
		}
	})
	return n
}

// portsIn are the source ports of the sockets in a state.
func (h *host) portsIn(state uint8) map[uint16]bool {
	ports := map[uint16]bool{}
	h.each(1<<state, func(r *linux.DiagRow) { ports[r.SourcePort] = true })
	return ports
}

// nobody is a hardware address that no host has: what is sent to it is lost.
var nobody = net.HardwareAddr{2, 0, 0, 0, 0, 1}

// cut makes the link lose everything, unseen by either host. mend undoes it.
func (p *pair) cut() {
	p.client.sendTo(p.server, nobody)
	p.server.sendTo(p.client, nobody)
}

func (p *pair) mend() {
	client, server := p.client.link().Attrs().HardwareAddr, p.server.link().Attrs().HardwareAddr
	p.client.sendTo(p.server, server)
	p.server.sendTo(p.client, client)
}

func (h *host) sendTo(peer *host, hardware net.HardwareAddr) {
	index := h.link().Attrs().Index
	for _, a := range []netip.Addr{peer.address, peer.second} {
		h.b.must("neighbour", neighbour(index, a, hardware))
	}
}

// neighbour tells the namespace that the thread is in which hardware address somebody has.
func neighbour(index int, a netip.Addr, hardware net.HardwareAddr) error {
	return netlink.NeighSet(&netlink.Neigh{
		LinkIndex: index, State: netlink.NUD_PERMANENT, IP: a.AsSlice(), HardwareAddr: hardware,
	})
}

func ports(low, n int) string { return fmt.Sprintf("%d %d", low, low+n-1) }
