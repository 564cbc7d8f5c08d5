//go:build linux

package pairing

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
)

// prepare lets a server's plan through and nothing else: no text of the conductor's is executed here, and connections come
// to the session's own address and port alone.
func (s *session) prepare(ctx context.Context, p peer.Prepare) (peer.Ready, error) {
	if err := s.vet(&p); err != nil {
		return peer.Ready{}, err
	}
	s.proof.close()
	if err := vacated(ctx, s.at.Port()); err != nil { // the port is the server's now
		return peer.Ready{}, err
	}
	s.seen.Finish = peer.Finish{LifeLeast: p.Server.LifeLeast, LifeMost: p.Server.LifeMost}
	ready, err := s.remote.Prepare(ctx, p)
	if err == nil {
		s.seen.Ready = ready
	}
	return ready, err
}

// vet makes what the conductor may not say what this host says.
func (s *session) vet(p *peer.Prepare) error {
	if p.Server == nil || p.Client != nil || p.Command != nil || p.Foreign != nil || p.Relay != nil || p.Paired != nil || len(p.Groups) > 0 {
		return errors.New("prepare: a server's plan is all that another host may ask for")
	}
	if p.Processes > 1 {
		return fmt.Errorf("prepare: a server of %d processes is not to be had over two hosts: ask for fewer connections that stand at once", p.Processes)
	}
	p.Program, p.Part, p.Profile = peer.Program{}, false, false
	p.Server.Listen = []netip.AddrPort{s.at}
	if long := scenario.Duration(s.host.opt.Longest); p.Server.Length > long || p.Server.Timeout > long {
		return fmt.Errorf("prepare: a run of %v, and this server ends sessions after %v", p.Server.Length, long)
	}
	// What others have on this host is in no count.
	p.Watch.OwnNamespace, p.Watch.LocalPort, p.Watch.RemotePort, p.Watch.NotLocalPort = false, s.at.Port(), 0, 0
	p.Watch.IPv6, p.Watch.BothFamilies, p.Watch.Tuples, p.Watch.Remote = !s.at.Addr().Is4(), false, nil, netip.Addr{}
	return nil
}

// lent are this host's settings while sessions have them changed: all of them the same.
type lent struct {
	loan  *sysctl.Loan
	wants string
	asked []record.SysctlAsked
	users int
}

// sysctls changes this host's own settings, where its owner lets it.
func (s *session) sysctls(_ context.Context, in peer.Settings) (record.Sysctls, error) {
	if s.lent {
		return record.Sysctls{}, errors.New("sysctls: this session has its settings")
	}
	asked, err := s.host.lend(append(append([]sysctl.Setting{}, in.Settings...), in.Recipe...))
	if err != nil {
		return record.Sysctls{}, err
	}
	s.lent = true
	s.seen.Sysctls = sysctl.Lent(asked, in.Recipe)
	return s.seen.Sysctls, nil
}

// lend lends settings, or lets another session share what is lent already.
func (h *Host) lend(settings []sysctl.Setting) ([]record.SysctlAsked, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.opt.Lend == nil {
		return nil, &peer.CannotError{Text: "this host's settings are not changed for others unless its `twomsl server` was started with --accept-risk=host-sysctl"}
	}
	wants := written(settings)
	switch l := &h.lent; {
	case l.users > 0 && l.wants != wants:
		return nil, &peer.CannotError{Text: "another session has changed this host's settings to other values: wait until it has ended"}
	case l.users > 0:
		l.users++
		return l.asked, nil
	}
	loan, asked, err := h.opt.Lend.Lend(settings)
	if err != nil {
		return nil, err
	}
	h.lent = lent{loan: loan, wants: wants, asked: asked, users: 1}
	return asked, nil
}

func written(settings []sysctl.Setting) string {
	var b strings.Builder
	for _, s := range sysctl.Settings(settings) {
		fmt.Fprintf(&b, "%s=%s\n", s.Key, s.Value)
	}
	return b.String()
}

// giveBack puts this host's settings back with the last session that has them.
func (h *Host) giveBack(s *session) error {
	if !s.lent {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s.lent = false
	if h.lent.users--; h.lent.users > 0 {
		return nil
	}
	_, err := h.lent.loan.Return()
	return err
}
