//go:build linux

package lab

import (
	"net/netip"

	"twomsl/internal/scenario"
)

// Shape is a placeholder until the lab's branch is merged.
func Shape(scenario.Link) error { return nil }

// Addresses is a placeholder until the lab's branch is merged.
func Addresses(t scenario.Topology, f scenario.Family, clients, servers int) (client, server []netip.Prefix) {
	c, s := Plan(t, f, clients)
	return c, []netip.Prefix{s}
}
