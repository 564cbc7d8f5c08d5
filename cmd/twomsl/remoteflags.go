package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"twomsl/internal/pairing"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
	"twomsl/internal/trial"
)

// remoteFlags name a server on another host.
type remoteFlags struct {
	server    string
	tokenFile string
	from      []string
	handIn    bool
}

func (f *remoteFlags) flags(fs *pflag.FlagSet) {
	fs.StringVar(&f.server, "server", "", "the server is on another host: the control port of its `twomsl server`, `HOST:PORT`")
	fs.StringVar(&f.tokenFile, "token-file", "", "with --server: the secret that `twomsl server` printed or was given is in `FILE`")
	fs.StringSliceVar(&f.from, "from", nil, "with --server: open connections from `ADDRESS,...` of this host, in turn (default: the kernel's choice)")
	fs.BoolVar(&f.handIn, "hand-in", false, "with --server and --shard: give the record to the server as well, which was started with --collect")
}

// read gives the addresses of --from, and how the server is reached that was named; nil where none was.
func (f *remoteFlags) read() (from []netip.Addr, dial trial.Dialer, err error) {
	for _, text := range f.from {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, nil, usage("--from %q is no address: name addresses of this host, like 192.0.2.7,192.0.2.8", text)
		}
		from = append(from, a)
	}
	switch {
	case f.server == "":
		return from, nil, nil
	case f.tokenFile == "":
		return nil, nil, usage("--server takes the token that `twomsl server` printed: put it into a file and name that with --token-file")
	}
	t, err := readToken(f.tokenFile)
	if err != nil {
		return nil, nil, err
	}
	return from, func(ctx context.Context, s scenario.Scenario) (*pairing.Link, error) { return f.dial(ctx, t, from, s) }, nil
}

// dial reaches the server, whose address must be one that the scenario can go to.
func (f *remoteFlags) dial(ctx context.Context, t pairing.Token, from []netip.Addr, s scenario.Scenario) (*pairing.Link, error) {
	l, err := pairing.Dial(ctx, f.server, t)
	switch {
	case errors.Is(err, pairing.ErrWrongToken):
		return nil, refused("%w", err)
	case err != nil:
		return nil, failed(err)
	}
	if err := f.suits(l, from, s); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// reached is what runs over two hosts take, where a command makes several of them: each has a session of its own, and so a port
// that is fresh.
type reached struct {
	from []netip.Addr
	dial trial.Dialer
	host *sysctl.Host
}

// reach gives that of the flags; nothing where no server was named.
func (f *scenarioFlags) reach(journal string) (r reached, err error) {
	if f.remote.server == "" {
		return r, nil
	}
	r.host = lends(f.accept, journal)
	r.from, r.dial, err = f.remote.read()
	return r, err
}

// overrides turns the flags into the fields that they stand for. A host that is named by its name shows its family later.
func (f *remoteFlags) overrides(add func(flag, field, value string)) error {
	if f.server == "" {
		if f.tokenFile != "" || len(f.from) > 0 || f.handIn {
			return errors.New("--token-file, --from and --hand-in are for a server on another host: name it with --server HOST:PORT")
		}
		return nil
	}
	host, _, err := net.SplitHostPort(f.server)
	if err != nil {
		return fmt.Errorf("--server %q: write a host and the port of its control port, like 192.0.2.7:%d", f.server, pairing.DefaultPort)
	}
	add("--server", "topology", string(scenario.Hosts))
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() && !a.Is4In6() {
		add("--server", "family", string(scenario.IPv6))
	}
	if n := len(f.from); n > 0 {
		add("--from", "client.addresses", strconv.Itoa(n))
	}
	return nil
}

// suits holds a scenario to the address that the server was reached at.
func (f *remoteFlags) suits(l *pairing.Link, from []netip.Addr, s scenario.Scenario) error {
	if l.Family() != s.Family {
		return usage("--server %s is reached at an %s address, and the scenario is of %s: add --set family=%s", f.server, l.Family(), s.Family, l.Family())
	}
	for _, a := range from {
		if a.Is4() != l.Target.Addr().Is4() {
			return usage("--from %s: the server is reached at an %s address, and connections come from one of the same family", a, l.Family())
		}
	}
	if n := s.Client.Addresses; n > 1 && len(from) != n {
		return usage("client.addresses is %d, and over two hosts these must be addresses that this host has: name them with --from", n)
	}
	return nil
}

const (
	handInTries = 3
	handInLimit = 5 * time.Second // each
)

// deliver gives the record to the server, where that was asked for. A machine that is about to go away has no other place
// for it, so it is tried more than once, and after a signal, too.
func (f *remoteFlags) deliver(hard context.Context, t *record.Trial) (err error) {
	if !f.handIn {
		return nil
	}
	token, err := readToken(f.tokenFile)
	if err != nil {
		return err
	}
	data, err := record.Encode(t)
	if err != nil {
		return err
	}
	for try := range handInTries {
		if try > 0 {
			select {
			case <-hard.Done():
			case <-time.After(time.Second):
			}
		}
		ctx, cancel := context.WithTimeout(hard, handInLimit)
		err = pairing.HandIn(ctx, f.server, token, data)
		cancel()
		if err == nil || hard.Err() != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("the record was not handed in: %w", err)
	}
	return nil
}
