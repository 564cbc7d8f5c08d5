//go:build linux

package assay

import (
	"syscall"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"

	"twomsl/internal/linux"
)

// conntrack: how long connection tracking remembers a connection in TIME_WAIT, beside what the socket's own timer has
// left.
func init() {
	register("conntrack", map[string]string{"timeout": "default"}, conntrack)
}

const conntrackTimeWait = "net.netfilter.nf_conntrack_tcp_timeout_time_wait"

func conntrack(b *bench) {
	p := b.pair()
	p.client.track()
	p.client.setWhereSaid(conntrackTimeWait, "timeout")
	setting := p.client.get(conntrackTimeWait)
	p.serve(80, 128).dial().clientFirst()
	b.wait("TIME_WAIT", func() bool { return p.client.standing(linux.DiagTimeWait) == 1 })
	p.client.enter()
	flows, err := netlink.ConntrackTableList(netlink.ConntrackTable, netlink.InetFamily(syscall.AF_INET))
	if err != nil {
		b.cannot("the connection-tracking table cannot be read: %w", err)
	}
	if len(flows) != 1 {
		b.fail("%d flows are remembered, 1 was expected", len(flows))
	}
	var left uint32
	p.client.each(1<<linux.DiagTimeWait, func(r *linux.DiagRow) { left = r.ExpiresMS })
	b.put("flow", float64(flows[0].TimeOut), "s")
	b.put("socket", float64(left)/1000, "s")
	b.text("%s = %s", conntrackTimeWait, setting)
}

// track turns connection tracking on: a rule that asks for it does.
func (h *host) track() {
	h.enter()
	c, err := nftables.New()
	h.b.must("nftables", err)
	table := c.AddTable(&nftables.Table{Name: "track", Family: nftables.TableFamilyINet})
	chain := c.AddChain(&nftables.Chain{
		Name: "out", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter,
	})
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{&expr.Ct{Register: 1, Key: expr.CtKeySTATE}}})
	if err := c.Flush(); err != nil {
		h.b.cannot("this kernel tracks no connections: %w", err)
	}
}
