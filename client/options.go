//go:build linux

package client

import (
	"fmt"

	"twomsl/internal/linux"
	"twomsl/internal/scenario"
)

// option is one socket option of a plan.
type option struct {
	name  string
	since string // the first Linux that has it
	asked func(*Plan) bool
	set   func(fd int, s *Socket) linux.Errno
}

// options are all that a client's socket can be given, in the order in which they are set.
var options = []option{
	{
		"SO_REUSEADDR", "1.0", func(p *Plan) bool { return p.Socket.ReuseAddress },
		func(fd int, _ *Socket) linux.Errno { return linux.SetReuseAddress(fd) },
	},
	{
		"SO_REUSEPORT", "3.9", func(p *Plan) bool { return p.Socket.ReusePort },
		func(fd int, _ *Socket) linux.Errno { return linux.SetReusePort(fd) },
	},
	{
		"IP_LOCAL_PORT_RANGE", "6.3", func(p *Plan) bool { return !p.Socket.PortRange.Off() },
		func(fd int, s *Socket) linux.Errno {
			return linux.SetLocalPortRange(fd, s.PortRange.Low, s.PortRange.High)
		},
	},
	{
		"IP_BIND_ADDRESS_NO_PORT", "4.2",
		func(p *Plan) bool { address, port := p.binds(); return address && !port && p.Socket.BindNoPort },
		func(fd int, _ *Socket) linux.Errno { return linux.SetBindAddressNoPort(fd) },
	},
	{
		"TCP_NODELAY", "1.0", func(p *Plan) bool { return p.Socket.NoDelay },
		func(fd int, _ *Socket) linux.Errno { return linux.SetNoDelay(fd) },
	},
	{
		"TCP_FASTOPEN_CONNECT", "4.11", func(p *Plan) bool { return p.Socket.FastOpen },
		func(fd int, _ *Socket) linux.Errno { return linux.SetFastOpenConnect(fd) },
	},
	{
		"SO_KEEPALIVE", "2.4", func(p *Plan) bool { return !p.Socket.KeepAlive.Off() },
		func(fd int, s *Socket) linux.Errno {
			k := s.KeepAlive
			return linux.SetKeepAlive(fd, k.Idle.Std(), k.Interval.Std(), k.Probes)
		},
	},
}

// wanted lists the options that the plan asks for, each tried once on a socket of its own: what this kernel lacks is
// said before any load.
func wanted(p *Plan) ([]option, error) {
	fd, e := linux.Socket(p.Destinations[0].Addr().Is6())
	if e != 0 {
		return nil, fmt.Errorf("socket: %s: %w", linux.ErrnoName(e), e)
	}
	defer linux.Close(fd)
	var out []option
	for _, o := range options {
		if !o.asked(p) {
			continue
		}
		if e := o.set(fd, &p.Socket); e != 0 {
			return nil, &linux.UnsupportedError{Option: o.name, Since: o.since, Err: e}
		}
		out = append(out, o)
	}
	return out, nil
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
