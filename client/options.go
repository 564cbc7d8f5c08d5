//go:build linux

package client

import (
	"twomsl/internal/linux"
	"twomsl/internal/scenario"
)

// options are all that a client's socket can be given, in the order in which they are set.
var options = []linux.Option[Plan]{
	{
		Name: "SO_REUSEADDR", Since: "1.0",
		Asked: func(p *Plan) bool { return p.Socket.ReuseAddress },
		Set:   func(fd int, _ *Plan) linux.Errno { return linux.SetReuseAddress(fd) },
		Value: func(*Plan) linux.SockOpt { return linux.ReuseAddressOpt() },
	},
	{
		Name: "SO_REUSEPORT", Since: "3.9",
		Asked: func(p *Plan) bool { return p.Socket.ReusePort },
		Set:   func(fd int, _ *Plan) linux.Errno { return linux.SetReusePort(fd) },
		Value: func(*Plan) linux.SockOpt { return linux.ReusePortOpt() },
	},
	{
		Name: "IP_LOCAL_PORT_RANGE", Since: "6.3",
		Asked: func(p *Plan) bool { return !p.Socket.PortRange.Off() },
		Set: func(fd int, p *Plan) linux.Errno {
			return linux.SetLocalPortRange(fd, p.Socket.PortRange.Low, p.Socket.PortRange.High)
		},
		Value: func(p *Plan) linux.SockOpt {
			return linux.LocalPortRangeOpt(p.Socket.PortRange.Low, p.Socket.PortRange.High)
		},
	},
	{
		Name: "IP_BIND_ADDRESS_NO_PORT", Since: "4.2",
		Asked: func(p *Plan) bool { address, port := p.binds(); return address && !port && p.Socket.BindNoPort },
		Set:   func(fd int, _ *Plan) linux.Errno { return linux.SetBindAddressNoPort(fd) },
		Value: func(*Plan) linux.SockOpt { return linux.BindAddressNoPortOpt() },
	},
	{
		Name: "TCP_NODELAY", Since: "1.0",
		Asked: func(p *Plan) bool { return p.Socket.NoDelay },
		Set:   func(fd int, _ *Plan) linux.Errno { return linux.SetNoDelay(fd) },
		Value: func(*Plan) linux.SockOpt { return linux.NoDelayOpt() },
	},
	{
		Name: "TCP_FASTOPEN_CONNECT", Since: "4.11",
		Asked: func(p *Plan) bool { return p.Socket.FastOpen },
		Set:   func(fd int, _ *Plan) linux.Errno { return linux.SetFastOpenConnect(fd) },
	},
	{
		Name: "SO_KEEPALIVE", Since: "2.4",
		Asked: func(p *Plan) bool { return !p.Socket.KeepAlive.Off() },
		Set: func(fd int, p *Plan) linux.Errno {
			k := p.Socket.KeepAlive
			return linux.SetKeepAlive(fd, k.Idle.Std(), k.Interval.Std(), k.Probes)
		},
	},
}

// bindNoPort is what a scenario's switch means here.
func bindNoPort(s scenario.Switch) bool { return s != scenario.Off }

// SocketOf is what a scenario's client block asks of each socket.
func SocketOf(c scenario.Client) Socket {
	return Socket{
		Bind: c.Bind, BindNoPort: bindNoPort(c.BindAddressNoPort), PortRange: c.LocalPortRange,
		ReuseAddress: c.ReuseAddress.IsOn(), ReusePort: c.ReusePort.IsOn(), NoDelay: c.NoDelay.IsOn(),
		FastOpen: c.FastOpen.IsOn(), KeepAlive: c.KeepAlive,
	}
}
