//go:build linux

package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// trackTable is beside the packet holds' table: those are taken away and set anew while a trial runs.
const trackTable = "twomsl-track"

// ctStateEstablished and ctStateRelated are NF_CT_STATE_BIT(IP_CT_ESTABLISHED) and NF_CT_STATE_BIT(IP_CT_RELATED) of
// include/uapi/linux/netfilter/nf_conntrack_common.h.
const (
	ctStateEstablished = 1 << 1
	ctStateRelated     = 1 << 2
)

// Track has this process's network namespace track connections, as the first rule of nearly every stateful firewall does:
// it lets pass what belongs to a connection that is known (`ct state established,related accept`), and all else as well.
// A rule that asks for the state is what makes the kernel track (nf_ct_netns_get); from then on each packet of a new flow
// needs an entry in the table, of every protocol, in and out. The error is an UnavailableError where the kernel has no
// connection tracking or forbids it.
func Track() error {
	c, err := nftables.New()
	if err != nil {
		return cannotTrack(err)
	}
	accept := nftables.ChainPolicyAccept
	t := c.AddTable(&nftables.Table{Name: trackTable, Family: nftables.TableFamilyINet})
	chain := c.AddChain(&nftables.Chain{
		Name: "input", Table: t, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput,
		Priority: nftables.ChainPriorityFilter, Policy: &accept,
	})
	known := native(ctStateEstablished | ctStateRelated)
	c.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: []expr.Any{
		&expr.Ct{Register: reg1, Key: expr.CtKeySTATE},
		&expr.Bitwise{SourceRegister: reg1, DestRegister: reg1, Len: 4, Mask: known, Xor: native(0)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: reg1, Data: native(0)},
		&expr.Counter{},
		&expr.Verdict{Kind: expr.VerdictAccept},
	}})
	return cannotTrack(c.Flush())
}

// cannotTrack is cannotHold for a rule that asks for a connection's state: without nft_ct the expression is unknown
// (ENOENT), without nf_conntrack for the family it is EOPNOTSUPP.
func cannotTrack(err error) error {
	if err == nil {
		return nil
	}
	var u *UnavailableError
	held := cannotHold(err)
	if !errors.As(held, &u) {
		return fmt.Errorf("connection tracking: setting nf_tables rules: %w", err)
	}
	u.What = "connections cannot be tracked by netfilter rules here"
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EOPNOTSUPP) {
		u.Remedy = "load the modules (as root: modprobe nf_conntrack nft_ct), or use a kernel with CONFIG_NF_CONNTRACK and " +
			"CONFIG_NFT_CT"
	}
	return u
}

// native is a number as registers have it.
func native(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }
