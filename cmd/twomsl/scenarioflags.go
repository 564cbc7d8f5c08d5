package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"twomsl/internal/scenario"
	"twomsl/internal/trial"
)

// The risks that can be accepted by name: using this host's own ports, and changing this host's own settings for the
// time of a run.
const (
	riskHostPorts  = "host-ports"
	riskHostSysctl = "host-sysctl"
)

// scenarioFlags choose a scenario and change it.
type scenarioFlags struct {
	set      []string
	topology string
	rate     string
	duration string
	engine   string
	io       string
	target   string
	client   string
	command  string
	proxy    string
	preset   string
	path     string
	send     string
	until    string
	ipv6     bool
	canaries string
	budget   string
	costs    bool
	allow    []string
	accept   []string
	remote   remoteFlags
}

func (f *scenarioFlags) flags(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.set, "set", nil, "change a field: `FIELD=VALUE`, repeatable (twomsl scenarios NAME shows the fields)")
	fs.StringVar(&f.topology, "topology", "", "`veth|loopback|host`: two private hosts, one, or this host itself")
	fs.BoolVar(&f.ipv6, "ipv6", false, "IPv6 instead of IPv4")
	fs.StringVar(&f.rate, "rate", "", "connections per second: `300/s` or max")
	fs.StringVar(&f.duration, "for", "", "stop the load after `DURATION`")
	fs.StringVar(&f.engine, "engine", "", "what drives the connections: `split|net|paired` (raw system calls, Go's standard library, or one thread at both ends)")
	fs.StringVar(&f.io, "io", "", "how engine split waits for them: `auto|uring|epoll|blocking`")
	fs.BoolVar(&f.costs, "call-costs", false, "time the system calls of one connection in 16, and tell where time goes")
	fs.StringVar(&f.client, "client-command", "", "start a client of somebody else's in the lab, and watch it: `COMMAND`, which calls $TWOMSL_URL")
	fs.StringVar(&f.command, "serve-with", "", "start a server of somebody else's in the lab: `COMMAND|@NAME`, which listens at server.port; "+
		strings.Join(trial.Known.Servers, ", ")+" come with a configuration")
	fs.StringVar(&f.command, "server-command", "", "another spelling of --serve-with: `COMMAND`")
	fs.StringVar(&f.proxy, "relay-with", "", "start a proxy of somebody else's between client and server: `COMMAND|@NAME`; "+
		strings.Join(trial.Known.Proxies, ", ")+" come with a configuration")
	fs.StringVar(&f.preset, "preset", "", "ask a server of somebody else's by `http/1.0|http-close|http-keepalive`, which says who closes first")
	fs.StringVar(&f.path, "path", "", "ask it for `PATH` instead of /")
	fs.StringVar(&f.send, "send", "", "say `TEXT|@FILE` to it instead of HTTP, with \\r, \\n, \\xNN for what is no letter")
	fs.StringVar(&f.until, "until", "", "its answer ends with `eof|bytes=N|match=TEXT`")
	fs.StringVar(&f.budget, "sample-budget", "", "what counting sockets may take of a processor, on each side: `SHARE` like 1% (the default) or 0")
	fs.StringVar(&f.canaries, "canaries", "", "call SSH, names and the load's own port beside it, `EVERY` so often")
	fs.Lookup("canaries").NoOptDefVal = defaultCanaries
	fs.StringVar(&f.target, "target", "", "serve and connect at `ADDRESS[:PORT]` of this host, loopback unless allowed; with --preset, --send or "+
		"--until connect to a server that is there, at HOST:PORT")
	fs.StringArrayVar(&f.allow, "allow-target", nil, "allow `ADDRESS` as a target, at 1000/s for 60 s at most")
	acceptFlag(fs, &f.accept)
}

func acceptFlag(fs *pflag.FlagSet, to *[]string) {
	fs.StringArrayVar(to, "accept-risk", nil, "accept a risk by its name: `host-ports|host-sysctl`, repeatable")
}

// defaultCanaries is how often canaries are called where nobody says.
const defaultCanaries = "250ms"

// override is one change of a field, with the flag that a person wrote it with.
type override struct{ flag, field, value string }

// overrides turns the flags into the fields that they stand for; --set comes last and wins.
func (f *scenarioFlags) overrides() ([]override, error) {
	var out []override
	add := func(flag, field, value string) {
		if value != "" {
			out = append(out, override{flag, field, value})
		}
	}
	add("--topology", "topology", f.topology)
	add("--rate", "load.rate", f.rate)
	add("--for", "load.stop.after", f.duration)
	add("--engine", "engine", f.engine)
	add("--io", "io", f.io)
	add("--client-command", "client.command", f.client)
	add("--serve-with", "server.command", f.command)
	add("--relay-with", "relay.command", f.proxy)
	add("--preset", "payload.preset", f.preset)
	add("--path", "payload.path", f.path)
	add("--until", "payload.until", f.until)
	if f.preset+f.until != "" { // who closes first follows, whatever the scenario has
		add(f.saidBy(), "close.side", string(saidFirst(f.preset, f.until)))
	}
	said, err := sayFile(f.send)
	if err != nil {
		return nil, err
	}
	add("--send", "payload.send", said)
	add("--canaries", "canaries.every", f.canaries)
	add("--sample-budget", "sample.budget", f.budget)
	if f.costs {
		add("--call-costs", "measure.call_costs", string(scenario.On))
	}
	if f.ipv6 {
		add("--ipv6", "family", string(scenario.IPv6))
	}
	if f.target != "" {
		if err := f.aim(add); err != nil {
			return nil, err
		}
	}
	return out, f.remote.overrides(add)
}

// change applies every flag that can be read and tells of all that cannot.
func (f *scenarioFlags) change(s scenario.Scenario) (scenario.Scenario, scenario.Problems) {
	var problems scenario.Problems
	apply := func(flag, text string) {
		next, err := s.With([]string{text})
		var found scenario.Problems
		if !errors.As(err, &found) {
			s = next
			return
		}
		for _, p := range found {
			if flag != "" {
				p.Path = flag
			}
			problems = append(problems, p)
		}
	}
	overrides, err := f.overrides()
	if err != nil {
		problems = append(problems, scenario.Problem{Text: err.Error()})
	}
	for _, o := range overrides {
		apply(o.flag, o.field+"="+o.value)
	}
	for _, text := range f.set {
		apply("", text)
	}
	return s, problems
}

// says tells that something is said to a server of somebody else's.
func (f *scenarioFlags) says() bool { return f.preset+f.path+f.send+f.until != "" }

// aim is what --target stands for: where to serve and connect, or, where something is said to it, a server that is there.
func (f *scenarioFlags) aim(add func(flag, field, value string)) error {
	address, port, err := splitTarget(f.target)
	if err != nil && f.says() {
		var host string
		if host, port, err = net.SplitHostPort(f.target); err != nil || host == "" {
			return fmt.Errorf("--target %q: write HOST:PORT, like 127.0.0.1:8080, [::1]:8080 or www.example.org:80", f.target)
		}
		if address, err = addressOf(host, f.ipv6); err != nil {
			return fmt.Errorf("--target %q: %w", f.target, err)
		}
		if f.send+f.until == "" {
			add("--target", "payload.host", f.target)
		}
	}
	if err != nil {
		return err
	}
	add("--target", "topology", string(scenario.Host))
	add("--target", "server.address", address)
	add("--target", "server.port", port)
	if f.says() {
		add("--target", "server.running", string(scenario.On))
		add("--target", "struck", string(scenario.ClientSide))
		if a, err := netip.ParseAddr(address); err == nil && a.Is6() {
			add("--target", "family", string(scenario.IPv6))
		}
	}
	return nil
}

// resolveLimit bounds how long a name may take.
const resolveLimit = 10 * time.Second

// addressOf is one address of a name, of the family that is asked for.
func addressOf(host string, ipv6 bool) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), resolveLimit)
	defer cancel()
	network := "ip4"
	if ipv6 {
		network = "ip6"
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, network, host)
	if err != nil {
		return "", err
	}
	return all[0].Unmap().String(), nil
}

// saidBy is the flag that tells who closes first.
func (f *scenarioFlags) saidBy() string {
	if f.preset != "" {
		return "--preset"
	}
	return "--until"
}

// saidFirst is who closes first by what is said; "" where that leaves it open.
func saidFirst(preset, until string) scenario.Side {
	p := scenario.Payload{Preset: scenario.Preset(preset)}
	_ = p.Until.UnmarshalText([]byte(until)) // what is wrong with it is told with the field
	return p.First()
}

// mostSaid bounds a file of --send; scenario.Check knows the limit for what it says.
const mostSaid = 16 << 20

// sayFile is what --send says, as a scenario keeps it: the text, or what is in the file, byte for byte.
func sayFile(said string) (string, error) {
	name, is := strings.CutPrefix(said, "@")
	if !is {
		return said, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("--send: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	data, err := io.ReadAll(io.LimitReader(f, mostSaid))
	switch {
	case err != nil:
		return "", fmt.Errorf("--send: %w", err)
	case len(data) == 0:
		return "", fmt.Errorf("--send @%s: the file is empty, and there is nothing to say: leave --send out for a server that speaks first", name)
	}
	return scenario.Text(data).String(), nil
}

// splitTarget reads ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT.
func splitTarget(s string) (address, port string, err error) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().String(), strconv.Itoa(int(ap.Port())), nil
	}
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.String(), "", nil
	}
	return "", "", fmt.Errorf("--target %q: write an address, with a port if you like: 127.0.0.1:8080 or [::1]:8080", s)
}

// resolve gives the scenario that the reference and the flags ask for, checked against what this program can do and
// what it may do.
func (f *scenarioFlags) resolve(ref string) (scenario.Scenario, error) {
	s, err := loadScenario(ref)
	if err != nil {
		return s, err
	}
	s, problems := f.change(s)
	s = s.Resolve()
	var found scenario.Problems
	if err := s.Check(trial.Known); errors.As(err, &found) {
		problems = append(problems, found...)
	} else if err != nil {
		return s, usage("%w", err)
	}
	if len(problems) > 0 {
		return s, usage("%w", problems)
	}
	return s, f.permit(s)
}

// loadScenario finds a scenario of the library, or reads a file.
func loadScenario(ref string) (scenario.Scenario, error) {
	s, findErr := scenario.Find(ref)
	if findErr == nil {
		return s, nil
	}
	data, err := os.ReadFile(ref)
	if err != nil {
		if !strings.ContainsAny(ref, "/.") { // a name, not a path
			return s, usage("%w", findErr)
		}
		return s, usage("scenario: %w", err)
	}
	if s, err = scenario.Parse(ref, data); err != nil {
		return s, usage("%w", err)
	}
	return s, nil
}

// The bounds for a target that is allowed by name only.
const (
	allowedRate = 1000
	allowedTime = 60 * time.Second
)

// permit holds a run against the rules for what may be touched: this host's ports only with the risk accepted, and no
// address but a loopback one unless it is named, and then bounded.
func (f *scenarioFlags) permit(s scenario.Scenario) error {
	for _, a := range f.accept {
		if a != riskHostPorts && a != riskHostSysctl {
			guess := cmp.Or(scenario.DidYouMean(a, []string{riskHostPorts, riskHostSysctl}), ";")
			return usage("--accept-risk %q: no such risk%s the risks that can be accepted here are %s and %s",
				a, guess, riskHostPorts, riskHostSysctl)
		}
	}
	if s.Topology == scenario.Hosts {
		return f.permitHosts()
	}
	if s.Topology != scenario.Host {
		return nil
	}
	if a, err := netip.ParseAddr(s.Server.Address); err == nil && !a.IsLoopback() {
		if err := f.permitTarget(s, a); err != nil {
			return err
		}
	}
	if !slices.Contains(f.accept, riskHostPorts) {
		return refused("topology host takes this host's own ports, up to all that connect() chooses from, for a minute after "+
			"the run; accept it with --accept-risk=%s, or use --topology veth", riskHostPorts)
	}
	return nil
}

// permitTarget: an address that is neither in a lab nor of loopback is named by a person, and the load on it bounded.
func (f *scenarioFlags) permitTarget(s scenario.Scenario, a netip.Addr) error {
	whose := "if it is an address of this host"
	if s.Server.Running.IsOn() {
		whose = "if its owner has agreed"
		if a.IsUnspecified() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
			return usage("--target %s: that is no single server", a)
		}
	}
	if !slices.Contains(f.allow, s.Server.Address) {
		return refused("target %s is neither in a lab nor a loopback address: nothing else is flooded; %s, name it with --allow-target %s",
			a, whose, a)
	}
	load := s.Load.Stop.After.Std()
	if s.Load.Stop.TimeWait != nil { // what expires is opened again as long as it is held
		load += s.Load.Hold.Std()
	}
	if s.Load.Rate == scenario.Max || s.Load.Rate > allowedRate || load > allowedTime {
		return refused("target %s is allowed by name only: at %d/s and %v at most; set --rate and --for",
			a, allowedRate, allowedTime)
	}
	return nil
}

// permitHosts: the server's host has consented by the token; this one has its own ports taken.
func (f *scenarioFlags) permitHosts() error {
	if f.remote.server == "" {
		return usage("topology hosts takes a server to pair with: name it with --server HOST:PORT (and start `twomsl server` there)")
	}
	if !slices.Contains(f.accept, riskHostPorts) {
		return refused("with --server the client takes this host's own ports, up to all that connect() chooses from, for a minute after "+
			"the run; accept it with --accept-risk=%s", riskHostPorts)
	}
	return nil
}
