//go:build linux

package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// Alias lets the marked connections from an address of this namespace to one destination leave under another of its
// addresses, and brings the answers back. For this kernel such a connection is one more of the address's own tuple, with
// its ports; the other host sees somebody else. The addresses are written over packet by packet: nothing is tracked.
type Alias struct {
	Mark        uint32         `json:"mark"`   // SO_MARK of the connections
	Source      netip.Addr     `json:"source"` // that they are from
	Destination netip.AddrPort `json:"destination"`
	As          netip.Addr     `json:"as"` // that the other host sees; nobody else may go from it to the destination
}

const aliasName = "twomsl-alias"

// SetAlias sets the rules of an alias in this process's network namespace, instead of those of an earlier one. The error
// is an UnavailableError where the kernel has no packet filter or forbids it.
func SetAlias(a Alias) error {
	from, as := a.Source.Unmap(), a.As.Unmap()
	if a.Mark == 0 || !from.IsValid() || from.Is4() != as.Is4() || from.Is4() != a.Destination.Addr().Unmap().Is4() {
		return fmt.Errorf("alias of %s to %s as %s with mark %d: a mark, and addresses of one family, are needed",
			a.Source, a.Destination, a.As, a.Mark)
	}
	c, err := nftables.New()
	if err != nil {
		return cannotAlias(err)
	}
	t := &nftables.Table{Name: aliasName, Family: nftables.TableFamilyINet}
	c.AddTable(t) // else deleting what is not there would be an error
	c.DelTable(t)
	a.add(c, c.AddTable(t))
	if err := c.Flush(); err != nil {
		return cannotAlias(err)
	}
	return nil
}

func cannotAlias(err error) error {
	var u *UnavailableError
	if err = cannotHold(err); errors.As(err, &u) {
		u.What = "the same-tuple canary cannot be told from the load by netfilter rules here"
		u.Remedy += "; or run without canaries"
	}
	return err
}

// The connection tracking of this namespace, where there is any, sees the tuple as its sockets do: what leaves is written
// over after it, what comes in before it.
var (
	afterTracking  = nftables.ChainPriorityRef(300)
	beforeTracking = nftables.ChainPriorityRaw
)

// add queues both chains, a rule each.
func (a Alias) add(c *nftables.Conn, t *nftables.Table) {
	f := ipv6
	if a.Source.Unmap().Is4() {
		f = ipv4
	}
	out := c.AddChain(&nftables.Chain{
		Name: "out", Table: t, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookPostrouting, Priority: afterTracking,
	})
	in := c.AddChain(&nftables.Chain{
		Name: "in", Table: t, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookPrerouting, Priority: beforeTracking,
	})
	there := binary.BigEndian.AppendUint16(nil, a.Destination.Port())
	rule := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: reg1}, equal(binary.NativeEndian.AppendUint32(nil, a.Mark)),
	}
	rule = append(rule, f.tcpBetween(a.Source, a.Destination.Addr())...)
	rule = append(rule, port(2), equal(there))
	c.AddRule(&nftables.Rule{Table: t, Chain: out, Exprs: append(rule, f.write(f.source, a.As)...)})
	rule = append(f.tcpBetween(a.Destination.Addr(), a.As), port(0), equal(there))
	c.AddRule(&nftables.Rule{Table: t, Chain: in, Exprs: append(rule, f.write(f.dest, a.Source)...)})
}

// tcpBetween is true for TCP segments from one address to another.
func (f family) tcpBetween(from, to netip.Addr) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: reg1}, equal([]byte{f.nfproto}),
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg1}, equal([]byte{protoTCP}),
		f.address(f.source), equal(from.Unmap().AsSlice()),
		f.address(f.dest), equal(to.Unmap().AsSlice()),
	}
}

// checksumV4 is where an IPv4 header has its own checksum; IPv6 has none.
const checksumV4 = 10

// write puts an address in its place; the checksums follow, TCP's, which covers the addresses, too. For IPv6, whose header
// has none, the library cannot ask for TCP's: over a veth link that is left to the device, and nobody computes it.
func (f family) write(offset uint32, a netip.Addr) []expr.Any {
	w := &expr.Payload{
		OperationType: expr.PayloadWrite, SourceRegister: reg1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: f.size,
		CsumFlags: l4PseudoHeader,
	}
	if f.nfproto == ipv4.nfproto {
		w.CsumType, w.CsumOffset = expr.CsumTypeInet, checksumV4
	}
	return []expr.Any{&expr.Immediate{Register: reg1, Data: a.Unmap().AsSlice()}, w}
}

// l4PseudoHeader is NFT_PAYLOAD_L4CSUM_PSEUDOHDR of include/uapi/linux/netfilter/nf_tables.h.
const l4PseudoHeader = 1
