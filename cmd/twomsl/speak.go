package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/spf13/pflag"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/trial"
)

// speakFlags are those of `twomsl server` for clients that are not ours.
type speakFlags struct {
	speak       string
	closeSide   string
	linger      string
	response    string
	duration    time.Duration
	connections int64
	outputs     outputs
}

func (f *speakFlags) flags(fs *pflag.FlagSet) {
	fs.StringVar(&f.speak, "speak", "", "serve clients that are not twomsl, in `http|echo|discard`, and count what comes of them")
	fs.StringVar(&f.closeSide, "close-side", string(scenario.ServerSide), "with --speak: who closes first, `server|client`")
	fs.StringVar(&f.linger, "linger", "off", "with --speak: SO_LINGER of the server's sockets, `off|SECONDS`; 0 ends them by RST")
	fs.StringVar(&f.response, "response", "64B", "with --speak http: how much a response holds, `SIZE`")
	fs.DurationVar(&f.duration, "for", time.Hour, "with --speak: stop after `DURATION`")
	fs.Int64Var(&f.connections, "connections", 0, "with --speak: stop when `N` connections have ended")
	f.outputs.flags(fs)
}

// speakPort is where --speak listens unless it is told otherwise.
const speakPort = "127.0.0.1:8080"

// scenario is what such a run is called and how it closes, for its record.
func (f *speakFlags) scenario(at netip.AddrPort) (s scenario.Scenario, err error) {
	s = scenario.Scenario{
		Name: "speak-" + f.speak, Title: "a server for clients of somebody else's", Topology: scenario.Host, Family: scenario.IPv4,
		Close: scenario.Close{Side: scenario.Side(f.closeSide)}, Struck: scenario.ServerSide,
	}
	if at.Addr().Is6() {
		s.Family = scenario.IPv6
	}
	s.Server.Address, s.Server.Port = at.Addr().String(), int(at.Port())
	s.Load.Stop.After, s.Load.Rate = scenario.Duration(f.duration), scenario.Max
	err = errors.Join(
		ofFlag("--linger", s.Close.Linger.UnmarshalText([]byte(f.linger))), ofFlag("--response", s.Payload.Response.UnmarshalText([]byte(f.response))),
	)
	if f.duration <= 0 || f.duration > longestSessions {
		err = errors.Join(err, fmt.Errorf("--for %v is not possible; allowed: up to %v", f.duration, longestSessions))
	}
	if f.connections < 0 {
		err = errors.Join(err, fmt.Errorf("--connections %d is not possible: 0 leaves it out", f.connections))
	}
	err = errors.Join(err, trial.CheckSpeaking(f.speak, s.Close))
	return s.Resolve(), err
}

// ofFlag says which flag an error is about.
func ofFlag(flag string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", flag, err)
}

// run serves until it is told to stop, and reports.
func (f *speakFlags) run(listen, records string, stdout, stderr io.Writer) error {
	at, err := netip.ParseAddrPort(listen)
	if err != nil || at.Port() == 0 || at.Addr().IsUnspecified() {
		return usage("--listen %q: with --speak write one address of this host and a port, like %s", listen, speakPort)
	}
	s, err := f.scenario(at)
	if err != nil {
		return usage("%w", err)
	}
	if err := allOf(f.outputs.check(), keepIn(records)); err != nil {
		return err
	}
	soft, hard, release := interrupts(stderr)
	defer release()
	t, err := trial.Speak(soft, hard, s, trial.Options{Program: program(), Tool: "twomsl " + version(), Command: commandLine()}, trial.Speaking{
		Protocol: f.speak, Listen: at, Connections: f.connections,
		Listening: func() { fmt.Fprintf(stderr, "twomsl: %s at %s, until Ctrl-C or %v\n", f.speak, at, f.duration) },
	})
	if t == nil {
		return startError(err)
	}
	return alsoFailed(f.tell(t, records, stdout, stderr), err)
}

// tell keeps the record and reports.
func (f *speakFlags) tell(t *record.Trial, records string, stdout, stderr io.Writer) error {
	r := runFlags{outputs: f.outputs, records: records}
	return r.tell(t, stdout, stderr)
}
