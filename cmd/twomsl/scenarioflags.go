package main

import (
	"cmp"
	"errors"
	"fmt"
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
	ipv6     bool
	canaries string
	budget   string
	costs    bool
	allow    []string
	accept   []string
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
	fs.StringVar(&f.command, "server-command", "", "start a server of somebody else's in the lab: `COMMAND`, which listens at server.port")
	fs.StringVar(&f.budget, "sample-budget", "", "what counting sockets may take of a processor, on each side: `SHARE` like 1% (the default) or 0")
	fs.StringVar(&f.canaries, "canaries", "", "call SSH, names and the load's own port beside it, `EVERY` so often")
	fs.Lookup("canaries").NoOptDefVal = defaultCanaries
	fs.StringVar(&f.target, "target", "", "with --topology host: serve and connect at `ADDRESS[:PORT]`, loopback unless allowed")
	fs.StringArrayVar(&f.allow, "allow-target", nil, "allow `ADDRESS` of this host as a target, at 1000/s for 60 s at most")
	fs.StringArrayVar(&f.accept, "accept-risk", nil, "accept a risk by its name: `host-ports|host-sysctl`, repeatable")
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
	add("--server-command", "server.command", f.command)
	add("--canaries", "canaries.every", f.canaries)
	add("--sample-budget", "sample.budget", f.budget)
	if f.costs {
		add("--call-costs", "measure.call_costs", string(scenario.On))
	}
	if f.ipv6 {
		add("--ipv6", "family", string(scenario.IPv6))
	}
	if f.target != "" {
		address, port, err := splitTarget(f.target)
		if err != nil {
			return nil, err
		}
		add("--target", "topology", string(scenario.Host))
		add("--target", "server.address", address)
		add("--target", "server.port", port)
	}
	return out, nil
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
	if s.Topology != scenario.Host {
		return nil
	}
	if a, err := netip.ParseAddr(s.Server.Address); err == nil && !a.IsLoopback() {
		if !slices.Contains(f.allow, s.Server.Address) {
			return refused("target %s is neither in a lab nor a loopback address: nothing else is flooded; "+
				"if it is an address of this host, name it with --allow-target %s", a, a)
		}
		if s.Load.Rate == scenario.Max || s.Load.Rate > allowedRate || s.Load.Stop.After.Std() > allowedTime {
			return refused("target %s is allowed by name only: at %d/s and %v at most; set --rate and --for",
				a, allowedRate, allowedTime)
		}
	}
	if !slices.Contains(f.accept, riskHostPorts) {
		return refused("topology host takes this host's own ports, up to all that connect() chooses from, for a minute after "+
			"the run; accept it with --accept-risk=%s, or use --topology veth", riskHostPorts)
	}
	return nil
}
