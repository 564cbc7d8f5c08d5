//go:build linux

package lab

import (
	"encoding/binary"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
)

// The one table holds all rules, in one chain on packets that leave.
const (
	holdName  = "twomsl"
	holdChain = "output"
)

// ruleOfHold marks a rule with its hold's number; a type of nft's own would have to be a text.
const ruleOfHold = userdata.TypesCount

func holdTable() *nftables.Table {
	return &nftables.Table{Name: holdName, Family: nftables.TableFamilyINet}
}

// Numbers of the kernel: IPPROTO_TCP, a register of include/uapi/linux/netfilter/nf_tables.h.
const (
	protoTCP = 6
	reg1     = 1 // NFT_REG_1: 16 bytes
)

// Flags of TCP (RFC 9293 section 3.1), the byte after that of the data offset.
const (
	flagFIN = 0x01
	flagSYN = 0x02
	flagRST = 0x04
	flagACK = 0x10
)

// family is where an IP header has its addresses.
type family struct {
	nfproto      byte // NFPROTO_IPV4, NFPROTO_IPV6
	source, dest uint32
	size         uint32
}

var (
	ipv4 = family{nfproto: 2, source: 12, dest: 16, size: 4}
	ipv6 = family{nfproto: 10, source: 8, dest: 24, size: 16}
)

// addHolds queues the table with all rules.
func addHolds(c *nftables.Conn, holds []Hold) {
	t := c.AddTable(holdTable())
	accept := nftables.ChainPolicyAccept
	chain := c.AddChain(&nftables.Chain{
		Name: holdChain, Table: t, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookOutput,
		Priority: nftables.ChainPriorityFilter, Policy: &accept,
	})
	if slices.ContainsFunc(holds, func(h Hold) bool { return h.Segment == ACK }) {
		for _, e := range acksWithData() {
			c.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: e})
		}
	}
	for i, h := range holds {
		mark := userdata.AppendUint32(nil, ruleOfHold, uint32(i))
		c.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: h.rule(), UserData: mark})
	}
}

// rule drops what the hold is for, and counts it.
func (h Hold) rule() []expr.Any {
	e := append(h.Segment.match(), h.narrow()...)
	return append(e, &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop})
}

// acksWithData are rules that let every segment pass whose only flag of these four is ACK and which carries data; so an
// ACK that comes to the holds is a bare one. A TCP header ends at 4 times its data offset, which is 5 to 15: a byte at
// that place is there if, and only if, there is data, since nf_tables leaves a rule whose payload lies beyond the
// packet's end. Options of TCP and of IP, and the family, make no difference.
func acksWithData() (rules [][]expr.Any) {
	for offset := byte(5); offset <= 15; offset++ {
		rules = append(rules, append(
			tcp(12, []byte{0xf0, flagFIN | flagSYN | flagRST | flagACK}, []byte{offset << 4, flagACK}),
			&expr.Payload{DestRegister: reg1, Base: expr.PayloadBaseTransportHeader, Offset: 4 * uint32(offset), Len: 1},
			&expr.Verdict{Kind: expr.VerdictAccept},
		))
	}
	return rules
}

// match is true for a segment with these flags.
func (s Segment) match() []expr.Any {
	switch s {
	case SYN:
		return tcp(13, []byte{flagSYN | flagACK}, []byte{flagSYN})
	case ACK:
		return tcp(13, []byte{flagFIN | flagSYN | flagRST | flagACK}, []byte{flagACK})
	}
	return tcp(13, []byte{flagFIN}, []byte{flagFIN})
}

// tcp is true for a TCP segment that has the value in the bits of the mask, from a byte of its header on.
func tcp(offset uint32, mask, value []byte) []expr.Any {
	n := uint32(len(mask))
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg1},
		equal([]byte{protoTCP}),
		&expr.Payload{DestRegister: reg1, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: n},
		&expr.Bitwise{SourceRegister: reg1, DestRegister: reg1, Len: n, Mask: mask, Xor: make([]byte, n)},
		equal(value),
	}
}

func equal(value []byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: reg1, Data: value} }

// narrow is true for the hold's family, addresses and ports, as far as they are given.
func (h Hold) narrow() (e []expr.Any) {
	if a := either(h.Local, h.Remote); a.IsValid() {
		f := ipv6
		if a.Unmap().Is4() {
			f = ipv4
		}
		e = append(e, &expr.Meta{Key: expr.MetaKeyNFPROTO, Register: reg1}, equal([]byte{f.nfproto}))
		if h.Local.IsValid() {
			e = append(e, f.address(f.source), equal(h.Local.Unmap().AsSlice()))
		}
		if h.Remote.IsValid() {
			e = append(e, f.address(f.dest), equal(h.Remote.Unmap().AsSlice()))
		}
	}
	if h.LocalPort != 0 {
		e = append(e, port(0), equal(binary.BigEndian.AppendUint16(nil, h.LocalPort)))
	}
	if h.RemotePort != 0 {
		e = append(e, port(2), equal(binary.BigEndian.AppendUint16(nil, h.RemotePort)))
	}
	return e
}

func (f family) address(offset uint32) expr.Any {
	return &expr.Payload{DestRegister: reg1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: f.size}
}

func port(offset uint32) expr.Any {
	return &expr.Payload{DestRegister: reg1, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2}
}

func either[T interface{ IsValid() bool }](a, b T) T {
	if a.IsValid() {
		return a
	}
	return b
}
