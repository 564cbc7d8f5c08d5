package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/machine"
	"twomsl/internal/paste"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
	"twomsl/internal/trial"
)

// scaleFlag is --scale: 0.1 or 10%. It is a pflag.Value.
type scaleFlag float64

func (s *scaleFlag) Type() string   { return "FACTOR" }
func (s *scaleFlag) String() string { return strconv.FormatFloat(float64(*s), 'g', -1, 64) }

func (s *scaleFlag) Set(text string) error {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v > 0) || v > 1000 {
		return fmt.Errorf("%q is no scale: write a factor like 0.1, or a share like 10%%", text)
	}
	*s = scaleFlag(v)
	return nil
}

// mix is what is to stand, and the scenario that makes it stand.
type mix struct {
	flags    *reproduceFlags
	source   record.Pasted
	asked    record.Counts
	clients  int
	scenario scenario.Scenario
}

// perClient is how many TIME_WAIT a remote host leaves where nobody says how many hosts there are.
const perClient = 5000

// mix makes the scenario of a table, or says why it cannot stand and how much of it could.
func (f *reproduceFlags) mix(table paste.StateTable, source record.Pasted) (mix, error) {
	m := f.sized(table.Counts, float64(f.scale))
	m.source = source
	room := roomHere(f)
	if why := room.short(m.asked); len(why) > 0 {
		return m, cannotStand(table.Counts, float64(f.scale), room, why)
	}
	m.scenario = f.scenarioOf(&m)
	if err := m.scenario.Check(trial.Known); err != nil {
		return m, usage("%w", err)
	}
	return m, nil
}

// sized multiplies a table.
func (f *reproduceFlags) sized(counts record.Counts, scale float64) mix {
	m := mix{flags: f, asked: record.ScaledCounts(counts, scale), clients: f.clients}
	if m.clients == 0 {
		each := int64(perClient)
		if f.closer == string(scenario.ClientSide) {
			each = max(1, min(each, f.own()))
		}
		m.clients = int(max(1, (m.asked[record.TimeWait]+each-1)/each))
	}
	return m
}

// opensPerSecond is how many connections a lab opens in a second at the least, and bringUpLeast what a mix is given.
const (
	opensPerSecond = 2000
	bringUpLeast   = 10 * time.Second
)

// calledEvery is seldom: our own counts leave canaries out, but whoever counts with ss from outside should meet none.
const calledEvery = 5 * time.Second

func (f *reproduceFlags) scenarioOf(m *mix) scenario.Scenario {
	n := func(state record.State) int { return int(m.asked[state]) }
	s := scenario.Scenario{
		Name: nameOf(m.source), Title: "the table of states of " + m.source.Name + ", rebuilt",
		Topology: scenario.Veth,
		Stand: scenario.Stand{
			SynSent: n(record.SynSent), SynRecv: n(record.SynRecv), Established: n(record.Established),
			FinWait1: n(record.FinWait1), FinWait2: n(record.FinWait2), Closing: n(record.Closing),
			TimeWait: n(record.TimeWait), CloseWait: n(record.CloseWait), LastAck: n(record.LastAck),
			Listen: max(1, n(record.Listen)),
		},
	}
	if m.source.Title == "" {
		s.Title = "a pasted table of states, rebuilt"
	}
	if f.ipv6 {
		s.Family = scenario.IPv6
	}
	s.Load.Hold = scenario.Duration(f.hold)
	s.Load.Stop.After = scenario.Duration(bringUpLeast + time.Duration(m.asked.Total()/opensPerSecond)*time.Second)
	s.Client.Addresses = m.clients
	s.Close.Side, s.Server.Command, s.Sample.Budget = scenario.Side(f.closer), f.command, f.budget
	if s.Close.Side == scenario.ClientSide { // the struck host opened them
		s.Stand.TimeWait, s.Stand.TimeWaitOut = 0, s.Stand.TimeWait
	}
	if m.asked[record.TimeWait] > 0 { // a FIN that is sent again to who has closed is answered by an RST
		s.Sysctl.Server = map[string]string{"net.ipv4.tcp_rfc1337": "1"}
	}
	if f.canaries {
		s.Canaries.Every = scenario.Duration(calledEvery)
	}
	return s.Resolve()
}

// record makes the reproduction's record of its trial.
func (m *mix) record(t *record.Trial) *record.Reproduction {
	r := &record.Reproduction{
		Schema: record.ReproductionSchema, ID: t.ID, Tool: t.Tool, StartedAt: t.StartedAt, Command: t.Command,
		Source: m.source, Scale: float64(m.flags.scale), Clients: m.clients, Closer: m.flags.closer, Asked: m.asked,
		HoldSeconds: m.flags.hold.Seconds(),
	}
	r.Reproduced(t)
	return r
}

// room is how much can stand on this machine.
type room struct {
	descriptors int64 // to a host of the lab
	memory      int64 // bytes; 0: not known
	timeWait    int64 // that so many remote hosts can leave; 0: as many hosts as it takes
	clients     int
	ownPorts    int64 // that the struck host has for connections of its own to one remote host
}

const (
	// spareDescriptors are what a host's process needs beside its connections.
	spareDescriptors = 200
	mostDescriptors  = 15_000 // in one process of the lab
	mostListeners    = 1_000
	mostTimeWait     = 1_000_000
	// pairBytes is what a connection with both of its ends takes, timeWaitBytes a TIME_WAIT.
	pairBytes, timeWaitBytes = 16 << 10, 512
)

// roomHere looks at this machine.
func roomHere(f *reproduceFlags) room {
	r := room{descriptors: mostDescriptors, clients: f.clients, ownPorts: f.own()}
	if _, hard, err := linux.NoFile(); err == nil {
		r.descriptors = max(0, min(r.descriptors, int64(hard)-spareDescriptors))
	}
	if n, err := machine.MemoryAvailable(""); err == nil {
		r.memory = n / 2
	}
	ports := int64(scenario.Scenario{Topology: scenario.Veth}.ClientPorts().Size())
	hosts := int64(f.clients)
	if hosts == 0 {
		hosts = mostClients
	}
	if f.closer == string(scenario.ClientSide) {
		ports = f.own()
	}
	r.timeWait = min(mostTimeWait, hosts*ports)
	return r
}

// ownPorts is how many ports a host of the lab opens connections from, to one remote host, with settings of the user's.
func ownPorts(settings []sysctl.Setting) int64 {
	const key = "net.ipv4.ip_local_port_range"
	s := scenario.Scenario{Topology: scenario.Veth}
	for _, set := range settings {
		if set.Key == key { // of both, the last counts
			s.Sysctl.Client = map[string]string{key: set.Value}
		}
	}
	return int64(s.ClientPorts().Size())
}

// own is ownPorts with the flags' settings, or without any.
func (f *reproduceFlags) own() int64 {
	if f.ownPorts > 0 {
		return f.ownPorts
	}
	return ownPorts(nil)
}

// short says of what there is too little for a mix.
func (r room) short(asked record.Counts) (why []string) {
	server, client := int64(0), int64(0)
	for state, n := range asked {
		if state == record.TimeWait {
			continue // no process holds them
		}
		if state != record.SynRecv {
			server += n
		}
		if state != record.SynSent && state != record.Listen {
			client += n
		}
	}
	if most := max(server, client); most > r.descriptors {
		why = append(why, fmt.Sprintf("%s need a descriptor each on one host of the lab, and %s can be open there",
			sockets(most), grouped(r.descriptors)))
	}
	if n := asked[record.Listen]; n > mostListeners {
		why = append(why, fmt.Sprintf("%s listeners are more than the %s that a lab has ports for", grouped(n), grouped(mostListeners)))
	}
	if n := asked[record.SynSent]; n > r.ownPorts {
		why = append(why, fmt.Sprintf("%s SYN_SENT are more than the %s ports that the struck host has to connect from", grouped(n), grouped(r.ownPorts)))
	}
	if n := asked[record.TimeWait]; n > r.timeWait {
		what := "a lab holds"
		switch {
		case r.timeWait == mostTimeWait:
		case r.clients > 0:
			what = fmt.Sprintf("--clients %d have ports for", r.clients)
		default:
			what = fmt.Sprintf("%d remote hosts have ports for", mostClients)
		}
		why = append(why, fmt.Sprintf("%s TIME_WAIT are more than the %s that %s", grouped(n), grouped(r.timeWait), what))
	}
	need := max(server, client)*pairBytes + asked[record.TimeWait]*timeWaitBytes
	if r.memory > 0 && need > r.memory {
		why = append(why, fmt.Sprintf("it takes about %s MB of memory, and half of what is free is %s MB", grouped(need>>20), grouped(r.memory>>20)))
	}
	return why
}

// cannotStand refuses a mix, with the largest scale at which it could stand.
func cannotStand(counts record.Counts, scale float64, r room, why []string) error {
	text := "this mix cannot stand here: " + strings.Join(why, "; ")
	if fits := r.largest(counts, scale); fits > 0 {
		text += fmt.Sprintf("; --scale %s would stand: %s of %s", strconv.FormatFloat(fits, 'g', -1, 64),
			grouped(record.ScaledCounts(counts, fits).Total()), sockets(counts.Total()))
	}
	return &exitError{code: exitCannot, err: fmt.Errorf("%s", text)}
}

// largest is the greatest scale of two digits below one that is too large; 0 where none is.
func (r room) largest(counts record.Counts, tooLarge float64) float64 {
	low, high := 0.0, tooLarge
	for range 100 {
		middle := (low + high) / 2
		if len(r.short(record.ScaledCounts(counts, middle))) == 0 {
			low = middle
		} else {
			high = middle
		}
	}
	if low <= 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(low))-1)
	for n := math.Floor(low / unit); n >= 1; n-- {
		rounded, _ := strconv.ParseFloat(strconv.FormatFloat(n*unit, 'g', 2, 64), 64)
		if len(r.short(record.ScaledCounts(counts, rounded))) == 0 {
			return rounded
		}
	}
	return 0
}
