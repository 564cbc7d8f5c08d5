//go:build linux

package lab

import (
	"encoding/binary"
	"slices"
	"time"

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

// Numbers of the kernel: IPPROTO_TCP, registers of include/uapi/linux/netfilter/nf_tables.h.
const (
	protoTCP = 6
	reg1     = 1 // NFT_REG_1: 16 bytes
	regKey   = 8 // NFT_REG32_00: the first of sixteen of 4 bytes, which lie where NFT_REG_1 to 4 do
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
	closed       *nftables.Set // connections whose first FIN was dropped
}

func families(b bound) (v4, v6 *family) {
	v4 = &family{nfproto: 2, source: 12, dest: 16, size: 4, closed: b.closedSet(1, "closed4", nftables.TypeIPAddr)}
	v6 = &family{nfproto: 10, source: 8, dest: 24, size: 16, closed: b.closedSet(2, "closed6", nftables.TypeIP6Addr)}
	return v4, v6
}

// closedSet is filled by the rules (dynamic). It has a number of ours in the batch that makes it, because the library
// takes one from a counter that it does not guard.
func (b bound) closedSet(id uint32, name string, address nftables.SetDatatype) *nftables.Set {
	return &nftables.Set{
		Table: holdTable(), ID: id, Name: name, Dynamic: true, HasTimeout: true, Timeout: b.timeout, Size: b.size,
		KeyType:       nftables.MustConcatSetType(address, nftables.TypeInetService, address, nftables.TypeInetService),
		Concatenation: true,
	}
}

// bound keeps a closed set from growing for ever: a member is of no use once its FIN was sent again. What finds the set
// full passes.
type bound struct {
	size    uint32
	timeout time.Duration
}

var usualBound = bound{size: 4 * 65536, timeout: 60 * time.Second}

// addHolds queues the table with all rules.
func addHolds(c *nftables.Conn, holds []Hold, b bound) error {
	t := c.AddTable(holdTable())
	accept := nftables.ChainPolicyAccept
	chain := c.AddChain(&nftables.Chain{
		Name: holdChain, Table: t, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookOutput,
		Priority: nftables.ChainPriorityFilter, Policy: &accept,
	})
	v4, v6 := families(b)
	for _, f := range []*family{v4, v6} {
		if err := c.AddSet(f.closed, nil); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(holds, func(h Hold) bool { return h.Segment == ACK }) {
		for _, e := range acksWithData() {
			c.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: e})
		}
	}
	for i, h := range holds {
		for _, e := range h.rules(v4, v6) {
			mark := userdata.AppendUint32(nil, ruleOfHold, uint32(i))
			c.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: e, UserData: mark})
		}
	}
	return nil
}

// rules gives the hold's rules: one for each family where the family matters, else one.
func (h Hold) rules(v4, v6 *family) (rules [][]expr.Any) {
	of := []*family{nil}
	switch a := either(h.Local, h.Remote).Unmap(); {
	case a.Is4():
		of = []*family{v4}
	case a.Is6():
		of = []*family{v6}
	case h.Segment == FirstFIN:
		of = []*family{v4, v6}
	}
	for _, f := range of {
		e := h.Segment.match()
		e = append(e, h.narrow(f)...)
		if h.Segment == FirstFIN {
			e = append(e, f.first()...)
		}
		e = append(e, &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop})
		rules = append(rules, e)
	}
	return rules
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
func (h Hold) narrow(f *family) (e []expr.Any) {
	if f != nil {
		e = append(e, &expr.Meta{Key: expr.MetaKeyNFPROTO, Register: reg1}, equal([]byte{f.nfproto}))
		if h.Local.IsValid() {
			e = append(e, f.address(f.source, reg1), equal(h.Local.Unmap().AsSlice()))
		}
		if h.Remote.IsValid() {
			e = append(e, f.address(f.dest, reg1), equal(h.Remote.Unmap().AsSlice()))
		}
	}
	if h.LocalPort != 0 {
		e = append(e, port(0, reg1), equal(binary.BigEndian.AppendUint16(nil, h.LocalPort)))
	}
	if h.RemotePort != 0 {
		e = append(e, port(2, reg1), equal(binary.BigEndian.AppendUint16(nil, h.RemotePort)))
	}
	return e
}

// first is true for a connection that is not in the set yet and could be added: where the set is full, dynset leaves
// the rule, and the segment passes.
func (f *family) first() []expr.Any {
	words := f.size / 4
	return []expr.Any{
		f.address(f.source, regKey),
		port(0, regKey+words),
		f.address(f.dest, regKey+words+1),
		port(2, regKey+2*words+1),
		&expr.Lookup{SourceRegister: regKey, SetName: f.closed.Name, SetID: f.closed.ID, Invert: true},
		&expr.Dynset{SrcRegKey: regKey, SetName: f.closed.Name, SetID: f.closed.ID, Operation: dynsetAdd},
	}
}

// dynsetAdd is NFT_DYNSET_OP_ADD.
const dynsetAdd = 0

func (f *family) address(offset, register uint32) expr.Any {
	return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: f.size}
}

func port(offset, register uint32) expr.Any {
	return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2}
}

func either[T interface{ IsValid() bool }](a, b T) T {
	if a.IsValid() {
		return a
	}
	return b
}
