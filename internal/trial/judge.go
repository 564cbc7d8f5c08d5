//go:build linux

package trial

import (
	"fmt"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

const (
	// lateShare is the share of late starts above which a schedule was not kept.
	lateShare = 0.01
	// busyShare is the share of the client's worker time above which the generator, not the kernel, was the limit.
	busyShare = 0.9
	// stealShare is the share of processor time that the hypervisor may take before timings are doubtful.
	stealShare = 0.05
	// lifeSlack is how much younger, in seconds, the youngest TIME_WAIT of the dumps may be than a new one.
	lifeSlack = 5
)

// The metrics that a warning may spoil.
var (
	timings = []string{
		"connects_per_second", "connect.p50_us", "connect.p99_us", "connect.p999_us",
		"client.cpu_us_per_connection", "server.cpu_us_per_connection",
	}
	counts = []string{"client.time_wait.peak", "server.time_wait.peak", "client.time_wait.plateau", "server.time_wait.plateau"}
)

// judge adds the warnings that the figures call for: a run that measured something else than it meant to says so.
func (r *run) judge(t *record.Trial) {
	if t.Status == record.Failed {
		return // the failure says it
	}
	for _, w := range []func(*record.Trial) *record.Warning{
		r.goalNotReached, r.rangeNotFilled, r.loopbackReuse, r.bucketOverflow, r.vanished, r.scheduleLate, r.stolen,
		r.otherLife, r.hostSettings, r.oddRange, r.fastOpenUnused, r.standNotReached, r.notRenewed, r.tableNotFilled, r.notFoundInTime,
		r.notQuiet, r.notFresh, r.notAlone, r.clocksApart, r.askedToClose, r.foundStanding,
		r.startedLate,
	} {
		if found := w(t); found != nil {
			r.warn(*found)
		}
	}
	r.judgeRelay(t)
}

func (r *run) goalNotReached(t *record.Trial) *record.Warning {
	g := t.Scenario.Goal
	if g == nil || g.ReachedSeconds != nil || t.Status == record.Interrupted {
		return nil
	}
	advice := "give it more time with --set load.stop.after"
	if g.Side == string(scenario.ServerSide) {
		advice = "one client address leaves at most about half of its port range on a server, since a new SYN takes the " +
			"TIME_WAIT over: use more with --set client.addresses"
	}
	return &record.Warning{
		Code: "goal-not-reached", Text: fmt.Sprintf("the %s never held the %d TIME_WAIT asked for", g.Side, g.TimeWait),
		Advice: advice, Spoils: counts,
	}
}

func (r *run) rangeNotFilled(t *record.Trial) *record.Warning {
	if failed(t, record.AddrInUse) > 0 {
		return nil // bind() found none left
	}
	for _, p := range t.Ports {
		never := neverFills(&p.Forecast)
		if p.Forecast.ExhaustedAfter == nil && !never || p.FirstExhaustionSeconds != nil || t.Phases.LoadSeconds < r.life.least.Seconds() {
			continue
		}
		as := ""
		if never {
			as = "as was forecast, "
		}
		return &record.Warning{
			Code: "range-not-filled",
			Text: fmt.Sprintf("%sthe first TIME_WAIT expired before the %d ports of %s were taken: no EADDRNOTAVAIL was to be had",
				as, portsToFill(&p), p.Source),
			Advice: "past half the range connect() takes milliseconds: set client.local_port_range to the range itself, " +
				"which removes that cliff, or make the range smaller",
			Spoils: []string{"first_exhaustion_seconds"},
		}
	}
	return nil
}

func (r *run) loopbackReuse(t *record.Trial) *record.Warning {
	if !r.onLoopback() || t.Scenario.CloseSide == string(scenario.ServerSide) || r.scenario.Kept() ||
		t.Sides.Client.Sysctls.Effective["net.ipv4.tcp_tw_reuse"] != "2" {
		return nil
	}
	return &record.Warning{
		Code:   "loopback-reuse",
		Text:   "net.ipv4.tcp_tw_reuse is 2, the default: over loopback, and only there, connect() reuses TIME_WAIT after 1 s",
		Advice: "this run does not show what happens between two hosts: use --set topology=veth",
		Spoils: append([]string{"first_exhaustion_seconds", "failed", "tw_reused"}, counts...),
	}
}

func (r *run) bucketOverflow(t *record.Trial) *record.Warning {
	over := []map[string]int64{t.Sides.Server.Counters, t.Sides.Client.Counters}
	if t.Relay != nil {
		over = append(over, t.Relay.Counters)
	}
	for _, counters := range over {
		if n := counters["TcpExt.TCPTimeWaitOverflow"]; n > 0 {
			return &record.Warning{
				Code:   "tw-overflow",
				Text:   fmt.Sprintf("%d sockets were closed without TIME_WAIT: net.ipv4.tcp_max_tw_buckets was full", n),
				Advice: "the count of TIME_WAIT shows the limit, not the load: raise net.ipv4.tcp_max_tw_buckets in the scenario",
				Spoils: counts,
			}
		}
	}
	return nil
}

func (r *run) vanished(t *record.Trial) *record.Warning {
	for i, l := range []record.LedgerSide{t.Ledger.Client, t.Ledger.Server} {
		side := []string{"client", "server"}[i]
		if l.Unexplained == nil || *l.Unexplained == 0 {
			continue
		}
		resets := t.Sides.Client.Counters["Tcp.OutRsts"] + t.Sides.Server.Counters["Tcp.OutRsts"]
		return &record.Warning{
			Code:   "ledger-open",
			Text:   fmt.Sprintf("%d TIME_WAIT of the %s are unaccounted for; %d RST were sent", *l.Unexplained, side, resets),
			Advice: "an RST ends a TIME_WAIT unless net.ipv4.tcp_rfc1337=1: --set sysctl.both.net.ipv4.tcp_rfc1337=1 makes counts exact",
			Spoils: []string{side + ".time_wait.peak", side + ".time_wait.plateau"},
		}
	}
	return nil
}

func (r *run) scheduleLate(t *record.Trial) *record.Warning {
	c := t.Connections
	if t.Rate.AskedPerSecond == nil || c.NotStarted == 0 && float64(c.Late) <= lateShare*float64(c.Attempted) {
		return nil
	}
	w := &record.Warning{
		Code:   "schedule-late",
		Text:   fmt.Sprintf("%s started more than 1 ms late and %d never", connections(c.Late), c.NotStarted),
		Advice: "ask for a lower rate or a higher load.concurrency",
		Spoils: timings,
	}
	busy := t.Sides.Client.CPU.Total() / (t.Phases.LoadSeconds * float64(t.Workers.Client))
	if t.Phases.LoadSeconds > 0 && busy > busyShare {
		w.Code = "generator-saturated"
		w.Text += fmt.Sprintf("; the client's workers were busy %.0f %% of the time: the generator was the limit", busy*100)
		w.Advice = "give the client more with --set client.workers, or ask for a lower rate"
	}
	return w
}

func (r *run) stolen(t *record.Trial) *record.Warning {
	e := t.Environment
	whole := r.stealOver.Seconds() * float64(e.CPUs)
	if e.StealSeconds == nil || whole == 0 || *e.StealSeconds < stealShare*whole {
		return nil
	}
	return &record.Warning{
		Code:   "steal",
		Text:   fmt.Sprintf("the hypervisor took %.2f s of processor time during the run", *e.StealSeconds),
		Advice: "timings are doubtful: repeat on a quieter machine; counts are not touched",
		Spoils: timings,
	}
}

// hostSettings says that topology host ran without what the scenario sets.
func (r *run) hostSettings(t *record.Trial) *record.Warning {
	c, v := &t.Sides.Client.Sysctls, &t.Sides.Server.Sysctls
	// What a recipe could not have is told with the recipe.
	if t.Scenario.Topology != string(scenario.Host) && !r.overHosts() ||
		len(c.Refused)+len(v.Refused) == len(refusals(c.Asked))+len(refusals(v.Asked)) {
		return nil
	}
	return &record.Warning{
		Code:   "settings-not-applied",
		Text:   "the scenario sets what this host does not have, and a scenario's own settings are not written there",
		Advice: "the figures are those of this host as it is: use --set topology=veth for the scenario itself",
		Spoils: append([]string{"first_exhaustion_seconds", "ports.peak_share"}, counts...),
	}
}

// oddRange: plain connect() steps through its range by two and may leave one port of an odd number untried
// (__inet_hash_connect), so a forecast to the port is one too high. So does bind(), with a range of the socket's own, too
// (inet_csk_find_open_port).
func (r *run) oddRange(t *record.Trial) *record.Warning {
	c := r.scenario.Client
	if c.Bind.Mode == scenario.BindPorts || !c.LocalPortRange.Off() && !bindChooses(c) {
		return nil
	}
	for _, p := range t.Ports {
		if p.Forecast.ExhaustedAfter == nil || p.Range.Size()%2 == 0 {
			continue
		}
		return &record.Warning{
			Code:   "odd-range",
			Text:   fmt.Sprintf("the range %d-%d has an odd number of ports: connect() may fail with one still free", p.Range.Low, p.Range.High),
			Advice: "the forecast may be one too high: let one end of the range be even and the other odd",
			Spoils: []string{"first_exhaustion_seconds"},
		}
	}
	return nil
}

// fastOpenUnused: without the server's leave the kernel falls back to the plain handshake and says nothing.
func (r *run) fastOpenUnused(t *record.Trial) *record.Warning {
	if !r.scenario.Client.FastOpen.IsOn() || t.Sides.Client.Counters["TcpExt.TCPFastOpenActive"] > 0 || t.Connections.OK < 2 {
		return nil
	}
	return &record.Warning{
		Code: "fast-open-unused", Text: "no connection carried data in its SYN: every handshake was a plain one",
		Advice: "the server must allow it: --set sysctl.server.net.ipv4.tcp_fastopen=3",
		Spoils: []string{"connect.p50_us", "connect.p99_us"},
	}
}

// otherLife catches a kernel whose TIME_WAIT is not the 60 s that the forecast was computed with.
func (r *run) otherLife(t *record.Trial) *record.Warning {
	for _, s := range []record.Side{t.Sides.Client, t.Sides.Server} {
		life := s.TimeWait.LifetimeSeconds
		if life == nil || *life <= r.life.least.Seconds()+0.1 && *life >= r.life.least.Seconds()-lifeSlack {
			continue
		}
		return &record.Warning{
			Code:   "other-lifetime",
			Text:   fmt.Sprintf("the kernel gave TIME_WAIT %.1f s, not the 60 s of TCP_TIMEWAIT_LEN", *life),
			Advice: "forecasts in this record are computed with 60 s; look for a setting of this kernel's vendor",
			Spoils: []string{"rate_that_lasts"},
		}
	}
	return nil
}

func connections(n int64) string {
	if n == 1 {
		return "1 connection"
	}
	return fmt.Sprintf("%d connections", n)
}
