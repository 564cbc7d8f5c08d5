//go:build linux

package trial

import (
	"fmt"
	"math"

	"github.com/montanaflynn/stats"

	"twomsl/client"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/internal/scenario"
	"twomsl/internal/tally"
	"twomsl/internal/teardown"
	"twomsl/server"
)

// record puts together what happened; it invents nothing: what no side told is nil.
func (r *run) record() (*record.Trial, error) {
	asked, err := Describe(r.scenario)
	if err != nil {
		return nil, err
	}
	if asked.Goal != nil {
		asked.Goal.ReachedSeconds = r.goalReached
	}
	t := &record.Trial{
		Schema: record.Schema, ID: r.id(), Tool: r.opt.Tool, Status: r.status(), Failure: r.failure,
		StartedAt: r.started.UTC(), Command: r.opt.Command, Engine: r.engineName(), EngineWhy: r.way.why,
		Scenario: asked,
		Workers:  r.workers(), Spread: r.cpus,
		Phases:   record.Phases{LoadSeconds: r.loadSeconds, HoldSeconds: r.holdSeconds, StoppedBy: r.stoppedBy},
		Outcomes: []record.Outcome{}, Ports: []record.Tuple{}, Warnings: []record.Warning{},
	}
	if t.Shard, err = r.shardRecord(); err != nil {
		return nil, err
	}
	r.takeOutCanaries()
	t.Canaries = r.canaries.seen
	t.Sides.Client, t.Sides.Server = r.side(r.client), r.side(r.server)
	r.connections(t)
	r.ports(t)
	if err := r.bytes(t); err != nil {
		return nil, err
	}
	t.Ledger = record.Ledger{Client: r.ledger(r.client), Server: r.serversPair().ledger(r.server)}
	t.Relay = r.relayRecord()
	t.Environment, t.Hosts = r.environment(), r.hostsRecord()
	t.Close, t.Stand, t.Restart = r.close(t), r.standRecord(), r.restart()
	t.Kept, t.ClientCommand = r.keptRecord(), r.commandRecord()
	if t.CallCosts, err = r.callCosts(); err != nil {
		return nil, err
	}
	t.Rate.LimitedBy, t.Rate.LimitedWhy = r.limitedBy(t)
	r.judge(t)
	t.Warnings = append(t.Warnings, r.warnings...)
	r.takeMemory(t)
	return t, nil
}

// Describe is what a record says of the scenario that was asked for.
func Describe(s scenario.Scenario) (record.Scenario, error) {
	spec, err := s.JSON()
	if err != nil {
		return record.Scenario{}, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	out := record.Scenario{
		Name: s.Name, Title: s.Title, Topology: string(s.Topology), Family: string(s.Family),
		CloseSide: string(s.Close.Side), Linger: s.Close.Linger.String(), Spec: spec,
		Struck: string(s.Struck), ServerCommand: s.Server.Command, ClientCommand: s.Client.Command,
	}
	if s.Relay != nil {
		out.RelayCommand = s.Relay.Command
	}
	if g := s.Load.Stop.TimeWait; g != nil {
		out.Goal = &record.Goal{Side: string(g.Side), TimeWait: g.Count}
	}
	return out, nil
}

func (r *run) restart() *record.Restart {
	if r.server.result == nil {
		return nil
	}
	return r.server.result.Restart
}

func (r *run) status() record.Status {
	switch {
	case r.failure != nil:
		return record.Failed
	case r.interrupted:
		return record.Interrupted
	}
	return record.Complete
}

func (r *run) side(s *side) record.Side {
	out := record.Side{
		Absent: s.absent, PID: s.hello.PID, HostID: s.hello.Host, Addresses: s.addresses, Sysctls: s.sysctls, Samples: s.samples,
	}
	out.Sysctls.Effective = s.ready.Effective
	if out.Samples == nil {
		out.Samples = []record.Sample{}
	}
	if n, err := sample.TimeWaitBytes(r.scenario.Family == scenario.IPv6); err == nil {
		out.TimeWait.BytesEach = &n
	}
	out.TimeWait.Peak = peakOf(s.samples)
	out.TimeWait.Plateau = plateauOf(s.samples, r.loadSeconds*1e3)
	res := s.result
	if res == nil {
		return out
	}
	out.States = record.SideStates{Peak: everyState(res.Peak), End: everyState(res.End)}
	out.Counters, out.Sampler, out.Sampling = res.Counters, res.Sampler, &res.Sampling
	out.Memory = r.sideMemory(s)
	if r.opt.Shard != nil {
		out.CountersAt = res.CountersAt
	}
	if res.LongestLeftMS > 0 {
		l := float64(res.LongestLeftMS) / 1e3
		out.TimeWait.LifetimeSeconds = &l
	}
	r.limits(&out, s)
	out.TimeWait.FinWait2Seconds = finWait2Seconds(res.FinWait2LeftMS, s.ready.Effective)
	if res.Client != nil {
		out.CPU = res.Client.CPU
	}
	if res.Server != nil {
		out.CPU = res.Server.CPU
	}
	if res.ForeignCPU != nil {
		out.CPU = *res.ForeignCPU
	}
	return out
}

// finWait2Seconds is the life of an orphaned FIN_WAIT2 as its timer showed it. Above a minute the timer of the mini-socket
// shows half of it, and its life cannot be read off.
func finWait2Seconds(leftMS uint32, set map[string]string) *float64 {
	if leftMS == 0 || finWait2Life(set) != finTimeout(set) {
		return nil
	}
	s := float64(leftMS) / 1e3
	return &s
}

// everyState names also the states that were counted and found empty, so that scripts find each of them. CLOSED is no
// socket and cannot be counted.
func everyState(c record.Counts) record.Counts {
	out := record.Counts{}
	for _, s := range record.States {
		if s != record.Closed {
			out[s] = c[s]
		}
	}
	return out
}

func peakOf(samples []record.Sample) *int64 {
	var peak *int64
	for i := range samples {
		if n := samples[i].TimeWait; n != nil && (peak == nil || *n > *peak) {
			peak = n
		}
	}
	return peak
}

const (
	// plateauShare is the last part of the load's samples that must stand level to be called a plateau.
	plateauShare = 4
	// plateauLeast is how many samples that takes.
	plateauLeast = 4
	// plateauSpread is by how much they may differ, as a share of their greatest.
	plateauSpread = 0.05
)

// plateauOf is the median of the samples of the hold, or where there is none of the last quarter of the load, if these
// keep within 5 %. loadMS is the load's length.
func plateauOf(samples []record.Sample, loadMS float64) *int64 {
	var load, hold stats.Float64Data
	for i := range samples {
		switch n := samples[i].TimeWait; {
		case n == nil:
		case samples[i].AtMS < loadMS:
			load = append(load, float64(*n))
		default:
			hold = append(hold, float64(*n))
		}
	}
	last := hold
	if len(hold) < plateauLeast {
		last = load[len(load)-len(load)/plateauShare:]
	}
	if len(last) < plateauLeast {
		return nil
	}
	low, lowErr := last.Min()
	high, highErr := last.Max()
	median, medianErr := last.Median()
	if lowErr != nil || highErr != nil || medianErr != nil || high == 0 || high-low > plateauSpread*high {
		return nil
	}
	n := int64(math.Round(median))
	return &n
}

// connections fills in what the client counted, or what it last told where it died.
func (r *run) connections(t *record.Trial) {
	p := r.client.progress
	if r.client.absent != "" || r.spoken != "" { // what came to the server is all that is known
		p = r.server.progress
		if res := r.server.result; res != nil && res.Server != nil { // it has counted on since it was last looked at
			last := res.Server.Progress
			p = peer.Progress{Opened: last.Opened, OK: last.OK, Failed: last.Failed}
		}
	}
	t.Connections = record.Connections{Attempted: p.Opened, OK: p.OK, Failed: p.Failed, Unfinished: p.InFlight()}
	if !r.scenario.Stand.Off() {
		p := r.groupsOpened()
		t.Connections = record.Connections{Attempted: p.Opened, OK: p.OK, Failed: p.Failed, Unfinished: p.InFlight()}
	}
	if rate := float64(r.scenario.Load.Rate); r.scenario.Load.Rate != scenario.Max {
		t.Rate.AskedPerSecond = &rate
	}
	if res := r.client.result; res != nil && res.Client != nil {
		c := res.Client
		t.Connections = record.Connections{
			Attempted: c.Progress.Opened, OK: c.Progress.OK, Failed: c.Progress.Failed, Unfinished: c.Unfinished,
			NotStarted: c.NotStarted, Late: c.Late, HiddenRetries: c.HiddenRetries,
		}
		t.Latency = c.Latency
		t.Outcomes = append(t.Outcomes, c.Outcomes...)
		t.Phases.StoppedBy = c.StoppedBy // its own reason may have come before the conductor's
		if r.scenario.Load.Stop.TimeWait == nil {
			t.Phases.LoadSeconds, r.loadOpened = c.LoadSeconds, c.Progress.Opened
		}
	}
	if r.commanded() {
		r.commandConnections(t)
	}
	if r.goalReached != nil && r.scenario.Stand.Off() {
		t.Phases.StoppedBy = "time_wait"
	}
	r.groups(t)
	if r.interrupted {
		t.Phases.StoppedBy = "interrupt"
	}
	if r.failure != nil {
		t.Phases.StoppedBy = "failure"
	}
	if t.Phases.LoadSeconds > 0 {
		t.Rate.ReachedPerSecond = float64(r.loadOpened) / t.Phases.LoadSeconds
	}
	if res := r.server.result; res != nil && res.Server != nil {
		t.Outcomes = append(t.Outcomes, res.Server.Outcomes...)
		if p := r.serversPair(); !r.commanded() && p.scenario.Close.Side == scenario.ServerSide && teardown.Leaves(p.strategy.Expect.Server) {
			t.Connections.Replaced = &res.Server.Replaced
		}
	}
}

// groups adds what the groups of a stand came to.
func (r *run) groups(t *record.Trial) {
	if r.scenario.Stand.Off() {
		return // those beside a load are no connections of its own
	}
	for _, s := range []*side{r.client, r.server} {
		if s.result == nil {
			continue
		}
		for _, g := range s.result.Groups {
			for _, o := range g.Outcomes {
				o.Side = s.name
				t.Outcomes = tally.MergeOutcomes(t.Outcomes, []record.Outcome{o})
			}
		}
	}
}

func (r *run) ports(t *record.Trial) {
	for i, tuple := range r.tuples {
		p := record.Tuple{
			Source: tuple.Source.String(), Destination: tuple.Destination.Addr().String(), Port: int(tuple.Destination.Port()),
			Range: r.ranges[i], Forecast: r.forecast[i],
		}
		if res := r.client.result; res != nil && res.Client != nil {
			seen := res.PeakPorts[i]
			p.PeakInUse, p.PeakEven, p.PeakOdd = &seen.InUse, &seen.Even, &seen.Odd
			c := res.Client.Tuples[i]
			p.Successes, p.OKBeforeFirstExhaustion = c.Successes, c.OKBefore
			p.FirstExhaustionSeconds = c.FirstExhaustionSeconds
		}
		t.Ports = append(t.Ports, p)
	}
}

func (r *run) bytes(t *record.Trial) error {
	var c *client.Result
	var s *server.Result
	if res := r.client.result; res != nil && res.Client != nil {
		c = res.Client
		t.Bytes.Written += c.Written
		t.Bytes.Read += c.Read
	}
	if res := r.server.result; res != nil && res.Server != nil {
		s = res.Server
		t.Bytes.Written += s.Written
		t.Bytes.Read += s.Read
	}
	if c == nil || s == nil || r.relay != nil || r.commanded() { // with a relay each of them speaks with that
		return nil
	}
	if r.strangers(c, s) {
		return nil
	}
	t.Bytes.ToServer = direction(c.Written, s.Read)
	t.Bytes.ToClient = direction(s.Written, c.Read)
	lost := t.Bytes.ToServer.Lost + t.Bytes.ToClient.Lost
	t.Bytes.Lost = &lost
	mine, err := tally.Unpack(c.Meter)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	theirs, err := tally.Unpack(s.Meter)
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	by := tally.Match(&mine, &theirs)
	t.Bytes.ByConnection = &by
	return nil
}

// strangers tells that others than the client spoke with the server, at a port that is not a lab's: their bytes are among what it
// read and wrote.
func (r *run) strangers(c *client.Result, s *server.Result) bool {
	return r.scenario.Topology != scenario.Veth && (s.Progress.Opened > c.Progress.Opened || s.Read > c.Written || c.Read > s.Written)
}

func direction(written, read int64) *record.Direction {
	return &record.Direction{Written: written, Read: read, Lost: written - read}
}
