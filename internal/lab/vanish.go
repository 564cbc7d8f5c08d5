//go:build linux

package lab

import (
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// vanishName is the table that cuts a host off. Packet holds have one of their own.
const vanishName = "twomsl-vanish"

// Neighbour discovery of IPv6 goes by ICMP and is let through; ARP is none of the table's. So the other host is as it
// would be behind a router, which goes on answering when what is behind it is gone: its segments leave and are lost, and
// no error comes back (else ARP would fail after some seconds, and the kernel say EHOSTUNREACH).
const (
	protoICMPv6        = 58
	firstNeighbourType = 133 // RFC 4861: router solicitation
	lastNeighbourType  = 137 // redirect
)

// Vanish takes this process's network namespace off the link for good: nothing that IP carries leaves or arrives any more,
// and nobody is told. The error is an UnavailableError where the kernel has no packet filter or forbids it.
func Vanish() error {
	c, err := nftables.New()
	if err != nil {
		return cannotHold(err)
	}
	t := c.AddTable(&nftables.Table{Name: vanishName, Family: nftables.TableFamilyINet})
	drop := nftables.ChainPolicyDrop
	for name, hook := range map[string]*nftables.ChainHook{
		"input": nftables.ChainHookInput, "output": nftables.ChainHookOutput,
	} {
		chain := c.AddChain(&nftables.Chain{
			Name: name, Table: t, Type: nftables.ChainTypeFilter, Hooknum: hook,
			Priority: nftables.ChainPriorityFilter, Policy: &drop,
		})
		c.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: neighbours()})
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("vanishing: %w", cannotHold(err))
	}
	return nil
}

// neighbours lets IPv6 neighbour discovery pass.
func neighbours() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg1},
		equal([]byte{protoICMPv6}),
		&expr.Payload{DestRegister: reg1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		&expr.Range{Op: expr.CmpOpEq, Register: reg1, FromData: []byte{firstNeighbourType}, ToData: []byte{lastNeighbourType}},
		&expr.Verdict{Kind: expr.VerdictAccept},
	}
}
