//go:build linux

package server

import (
	"errors"
	"fmt"
	"net/netip"

	"twomsl/internal/linux"
	"twomsl/internal/scenario"
)

// Socket is what each listener is given before bind().
type Socket struct {
	ReuseAddress bool `json:"reuse_address"`
	ReusePort    bool `json:"reuse_port"`
	FastOpen     bool `json:"fast_open"`
	// KeepAlive goes over to what accept() gives (tcp_create_openreq_child).
	KeepAlive scenario.KeepAlive `json:"keep_alive"`
}

// SocketOf is what a scenario asks of each listener.
func SocketOf(s scenario.Scenario) Socket {
	return Socket{
		ReuseAddress: s.Server.ReuseAddress != scenario.Off, ReusePort: s.Server.ReusePort != scenario.Off,
		FastOpen: s.Client.FastOpen.IsOn(), KeepAlive: s.Server.KeepAlive,
	}
}

// options are all that a listener can be given, in the order in which they are set.
var options = []linux.Option[Plan]{
	{
		Name: "SO_REUSEADDR", Since: "1.0",
		Asked: func(p *Plan) bool { return p.Socket.ReuseAddress },
		Set:   func(fd int, _ *Plan) linux.Errno { return linux.SetReuseAddress(fd) },
	},
	{
		Name: "SO_REUSEPORT", Since: "3.9",
		Asked: func(p *Plan) bool { return p.Socket.ReusePort },
		Set:   func(fd int, _ *Plan) linux.Errno { return linux.SetReusePort(fd) },
	},
	{
		Name: "IPV6_V6ONLY", Since: "2.4",
		Asked: func(p *Plan) bool { return p.ipv6() },
		Set:   func(fd int, _ *Plan) linux.Errno { return linux.SetIPv6Only(fd) },
	},
	{
		Name: "TCP_FASTOPEN", Since: "3.7",
		Asked: func(p *Plan) bool { return p.Socket.FastOpen },
		Set:   func(fd int, p *Plan) linux.Errno { return linux.SetFastOpen(fd, p.Backlog) },
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

func (p *Plan) ipv6() bool { return p.Listen[0].Addr().Is6() }

// listen opens one worker's listener on one address. Every error says which address and what to do.
func listen(ap netip.AddrPort, p *Plan) (int, error) {
	fd, e := linux.Socket(p.ipv6())
	if e != 0 {
		return -1, fmt.Errorf("listener: socket: %s: %w", linux.ErrnoName(e), e)
	}
	call := ""
	for _, o := range options {
		if e == 0 && o.Asked(p) {
			call, e = "setsockopt("+o.Name+")", o.Set(fd, p)
		}
	}
	sa := linux.NewSockaddr(ap)
	if e == 0 {
		call, e = "bind", linux.Bind(fd, &sa)
	}
	if e == 0 {
		call, e = "listen", linux.Listen(fd, p.Backlog)
	}
	if e != 0 {
		linux.Close(fd)
		return -1, fmt.Errorf("listener %s: %s: %s (%w)%s", ap, call, linux.ErrnoName(e), e, remedy(e))
	}
	return fd, nil
}

func remedy(e linux.Errno) string {
	switch linux.ErrnoName(e) {
	case "EADDRINUSE":
		return "; something listens there already: choose another server.port"
	case "EADDRNOTAVAIL":
		return "; this host does not have that address: choose one that `ip address` lists"
	case "EACCES":
		return "; ports below net.ipv4.ip_unprivileged_port_start need root: choose a higher server.port"
	}
	return ""
}

// Restart listens once more where the plan's listeners were, as a new server would, and gives the name of the errno that
// kept it from doing so, "" for none. It may be called once Done is closed.
func (s *Server) Restart() string {
	return restart(s.plan.Listen, func(ap netip.AddrPort) error {
		fd, err := listen(ap, &s.plan)
		if err == nil {
			linux.Close(fd)
		}
		return err
	})
}

// restart tries each address, until one cannot be had.
func restart(all []netip.AddrPort, try func(netip.AddrPort) error) string {
	for _, ap := range all {
		err := try(ap)
		if err == nil {
			continue
		}
		var e linux.Errno
		if errors.As(err, &e) {
			return linux.ErrnoName(e)
		}
		return err.Error()
	}
	return ""
}
