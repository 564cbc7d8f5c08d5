//go:build linux

package trial

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/internal/sysctl"
)

// A target is a server that runs already, somebody else's: the client is on this host, alone, and nothing is known of the
// server's side but what it answers.

func (r *run) toTarget() bool { return r.scenario.Server.Running.IsOn() }

// aim greets the client and finds out from where it calls the target.
func (r *run) aim() error {
	r.client = &side{name: "client", remote: peer.NewRemote("client", r.lab.Client.Control), lab: &r.lab.Client}
	r.server = absent("server", "the server runs already and is not ours: its host is not looked at")
	target, err := r.scenario.Target()
	if err != nil {
		return err
	}
	r.server.absent = fmt.Sprintf("the server at %s runs there already and is not ours: its host is not looked at", target)
	from, err := sourceTo(target)
	if err != nil {
		return fmt.Errorf("--target %s: %w", target, err)
	}
	if err := r.noRecipeThere(target); err != nil {
		return err
	}
	if r.client.hello, err = r.client.remote.Hello(r.hard); err != nil {
		return err
	}
	if r.stood, err = socketsTo(target); err != nil {
		return err
	}
	r.client.addresses, r.server.addresses = []string{from.String()}, []string{target.Addr().String()}
	r.sources, r.destinations = []netip.Addr{from}, []netip.AddrPort{target}
	return nil
}

// socketsTo counts this host's sockets to the target.
func socketsTo(target netip.AddrPort) (int64, error) {
	split, err := sample.Once(sample.Filter{
		IPv6: target.Addr().Is6(), Remote: target.Addr(), RemotePort: target.Port(), CountsOnly: true,
	})
	if err != nil {
		return 0, err
	}
	return split.Counts.Total(), nil
}

// notAlone says that this host had sockets to the target before the load.
func (r *run) notAlone(*record.Trial) *record.Warning {
	if !r.toTarget() || r.stood == 0 {
		return nil
	}
	return &record.Warning{
		Code: "not-fresh", Text: fmt.Sprintf("%d sockets of this host to %s stood before the load began, and are counted with this run's", r.stood,
			r.destinations[0]),
		Advice: "wait until they are gone, a minute for TIME_WAIT, or leave programs out that call the same server",
		Spoils: append([]string{"first_exhaustion_seconds", "failed", "ports.peak_share"}, counts...),
	}
}

// sourceTo is the address that the kernel chooses for connections to the target. No packet is sent for it.
func sourceTo(target netip.AddrPort) (netip.Addr, error) {
	c, err := net.Dial("udp", target.String())
	if err != nil {
		return netip.Addr{}, err
	}
	defer c.Close() //nolint:errcheck // nothing was sent
	a, _ := c.LocalAddr().(*net.UDPAddr)
	return a.AddrPort().Addr().Unmap(), nil
}

// noRecipeThere refuses settings for a host that is not ours, and takes those for both as the client's.
func (r *run) noRecipeThere(target netip.AddrPort) error {
	client := sysctl.Settings(r.opt.Recipe.Client)
	for _, s := range sysctl.Settings(r.opt.Recipe.Server) {
		if !slices.ContainsFunc(client, func(c sysctl.Setting) bool { return c.Key == s.Key }) {
			return &peer.CannotError{Text: fmt.Sprintf("%s%s is for the server, and that at %s is not ours: write it there, or name the side: --sysctl client:%s=%s",
				s.Place(), s.Key, target, s.Key, s.Value)}
		}
	}
	r.opt.Recipe.Server = nil
	return nil
}

// targetUnmeasured says what a target does not tell.
func (r *run) targetUnmeasured(why map[string]string) {
	if !r.toTarget() {
		return
	}
	delete(why, "ledger.server.expired")
	why["sides.server"] = r.server.absent
	why["ledger"] = "the client's counters are those of all programs of this host, and the server's host is not looked at"
	why["offloads"] = "no link of ours: what is between this host and the target is not known"
}

// targetNotJudged says why who closed first cannot be read off.
const targetNotJudged = "the server is not ours, and its host is not looked at"
