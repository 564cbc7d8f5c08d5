//go:build linux

package trial

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
)

// kept is what a run notes of connections that neither side closes.
type kept struct {
	processes  record.SidePair[int] // that share a side's connections
	slabBefore int64                // of the whole host, before the load; 0 where it cannot be read
	slabAfter  int64
	standing   *int64   // of the server, when the client's host vanished
	vanished   *float64 // seconds from the start of the load
}

// serverEvenness is what part of its descriptors a server's process is meant to need: the kernel hands connections to the
// processes by a hash, and so not to the last one evenly.
const serverEvenness = 0.95

// shareOut tells how many processes either side must be where it keeps more connections than one may have descriptors, and
// says so before the load starts.
func (r *run) shareOut() error {
	p := &r.kept.processes
	p.Client, p.Server = 1, 1
	limit, err := r.descriptorLimit()
	if err != nil {
		return nil // the peer raises its own and reports the error
	}
	room := float64(limit - spareDescriptors)
	n := r.keeps()
	if n == 0 || room < 1 {
		return nil
	}
	inFlight := int64(r.scenario.Load.Concurrency)
	if teardown.Keeps(r.strategy.Client) {
		p.Client = int(math.Ceil(float64(n+inFlight) / room))
	}
	if teardown.Keeps(r.strategy.Server) {
		p.Server = int(math.Ceil(float64(n+inFlight) / room))
		if p.Server > 1 {
			p.Server = int(math.Ceil(float64(n+inFlight) / (room * serverEvenness)))
		}
	}
	if p.Server > 1 && r.scenario.Server.ReusePort == scenario.Off {
		return fmt.Errorf("%d connections are to stand on the server, and a process may have %d descriptors here: several "+
			"processes listen side by side, which takes server.reuse_port=on; or ask for fewer than %d", n, limit,
			int64(room)-inFlight)
	}
	r.tellShares(n, limit)
	return nil
}

// tellShares says it to whoever waits, and in the record.
func (r *run) tellShares(n int64, limit int) {
	c, s := r.kept.processes.Client, r.kept.processes.Server
	if c < 2 && s < 2 {
		return
	}
	text := fmt.Sprintf("%d connections are to stand, and a process may have %d descriptors here: the client is %s, the server %s",
		n, limit, processes(c), processes(s))
	r.warn(record.Warning{Code: "several-processes", Text: text, Spoils: []string{}})
	if r.opt.Say != nil {
		r.opt.Say(text)
	}
}

// processes is how many a side is.
func (r *run) processes(of scenario.Side) int {
	if of == clientSide {
		return r.kept.processes.Client
	}
	return r.kept.processes.Server
}

func processes(n int) string {
	if n == 1 {
		return "one process"
	}
	return fmt.Sprintf("%d processes", n)
}

// descriptorLimit is what a process of a side may have.
func (r *run) descriptorLimit() (int, error) {
	soft, _, err := linux.NoFile()
	if n := r.opt.Descriptors; n > 0 && err == nil {
		return min(n, int(soft)), nil
	}
	return int(min(soft, math.MaxInt32)), err
}

// keeps is how many connections are to be open at once because a side leaves them open; 0 where that cannot be told.
func (r *run) keeps() int64 {
	if !teardown.Keeps(r.strategy.Client) && !teardown.Keeps(r.strategy.Server) || !r.scenario.Stand.Off() {
		return 0
	}
	l := r.scenario.Load
	n := l.Stop.Connections
	if l.Rate != scenario.Max {
		due := scenario.NewSchedule(l.Rate).Due(l.Stop.After.Std())
		if n == 0 || due < n {
			n = due
		}
	}
	return n
}

// shares tells a side's peer how its plan is carried out.
func (r *run) shares(of scenario.Side, p peer.Prepare) peer.Prepare {
	p.Descriptors, p.Profile = r.opt.Descriptors, r.opt.Profile != nil
	if p.Processes = r.processes(of); p.Processes > 1 {
		p.Program = peer.Program{Path: r.opt.Program.Path, Args: r.opt.Program.Peer}
	}
	return p
}

// lookAtSlab notes the kernel's memory for small objects, of the whole host.
func lookAtSlab() int64 {
	n, err := sample.Slab()
	if err != nil {
		return 0
	}
	return n
}

// vanish ends the client's host when its time has come.
func (r *run) vanish(held time.Duration) {
	v := r.scenario.Client.Vanish.Std()
	if v == 0 || held < v || r.kept.vanished != nil || r.failure != nil {
		return
	}
	st, err := r.standing(r.server)
	if err != nil {
		return
	}
	n := st.Counts[record.Established]
	at := r.elapsed().Seconds()
	r.kept.standing, r.kept.vanished = &n, &at
	r.ask(r.client, func(ctx context.Context) error { //nolint:errcheck // ask has taken note
		return r.client.remote.Vanish(ctx, peer.Vanish{OffLink: true})
	})
	r.split()
}

// heldFor is how long the next pause of the hold may be, so that the host vanishes when it is meant to.
func (r *run) heldFor(held, length time.Duration) time.Duration {
	wait := min(lookEvery, length-held)
	if v := r.scenario.Client.Vanish.Std(); v > held {
		wait = min(wait, v-held)
	}
	return wait
}

// keptRecord is nil where connections are taken down.
func (r *run) keptRecord() *record.Kept {
	s := &r.scenario
	if !s.Kept() {
		return nil
	}
	k := &record.Kept{VanishedSeconds: r.kept.vanished, StoodThen: r.kept.standing}
	if r.kept.slabBefore > 0 && r.kept.slabAfter > 0 {
		k.SlabBytes = new(r.kept.slabAfter - r.kept.slabBefore)
	}
	if !s.Server.KeepAlive.Off() {
		k.KeepAlive = r.keepAlive()
	}
	if h := s.Server.Heartbeat; !h.Off() {
		k.Heartbeat = &record.Heartbeat{EverySeconds: h.Every.Std().Seconds(), LimitSeconds: h.Limit.Std().Seconds()}
	}
	if res := r.server.result; res != nil && res.Server != nil {
		seen := res.Server.Kept
		k.Ended = &seen.Ended
		if k.Heartbeat != nil {
			k.Heartbeat.Sent, k.Heartbeat.Answered = seen.Beats, seen.Answers
		}
		if k.VanishedSeconds != nil && seen.Ended > 0 {
			k.FoundFirstSeconds, k.FoundLastSeconds = r.afterVanishing(seen.First), r.afterVanishing(seen.Last)
		}
	}
	return k
}

// afterVanishing turns a moment into seconds since the client's host vanished.
func (r *run) afterVanishing(at int64) *float64 {
	s := max(0, float64(at-r.epoch)/1e9-*r.kept.vanished)
	return &s
}

// keepAlive is what the server's sockets have: what was not said is the namespace's.
func (r *run) keepAlive() *record.KeepAlive {
	k, set := r.scenario.Server.KeepAlive, r.server.ready.Effective
	number := func(key string) int {
		n, err := strconv.Atoi(set[key])
		if err != nil {
			return 0
		}
		return n
	}
	out := record.KeepAlive{IdleSeconds: k.Idle.Std().Seconds(), IntervalSeconds: k.Interval.Std().Seconds(), Probes: k.Probes}
	if k.Interval == 0 {
		out.IntervalSeconds = float64(number("net.ipv4.tcp_keepalive_intvl"))
	}
	if k.Probes == 0 {
		out.Probes = number("net.ipv4.tcp_keepalive_probes")
	}
	return &out
}

// sideMemory is what a side's sockets and processes hold, where its connections are kept.
func (r *run) sideMemory(s *side) *record.Memory {
	if s.result == nil || !teardown.Keeps(r.strategy.Client) && !teardown.Keeps(r.strategy.Server) || !r.scenario.Stand.Off() {
		return nil
	}
	m := &record.Memory{Processes: r.processes(scenario.Side(s.name))}
	if before, after := s.ready.Resident, s.result.Resident; before > 0 && after > 0 {
		m.ResidentBefore, m.ResidentBytes = &before, &after
	}
	if n, err := sample.SocketBytes(r.scenario.Family == scenario.IPv6); err == nil {
		m.SocketBytes = &n
	}
	return m
}

// notFoundInTime tells of a scenario whose vanished host was found by nobody although somebody looked: the hold was too short.
func (r *run) notFoundInTime(t *record.Trial) *record.Warning {
	k := t.Kept
	if k == nil || k.VanishedSeconds == nil || k.KeepAlive == nil && k.Heartbeat == nil || k.StoodThen == nil || k.Ended == nil {
		return nil
	}
	if *k.Ended >= *k.StoodThen || t.Status != record.Complete {
		return nil
	}
	return &record.Warning{
		Code:   "not-found-in-time",
		Text:   fmt.Sprintf("%d of %d connections were found dead before the hold was over", *k.Ended, *k.StoodThen),
		Advice: "give it more time with --set load.hold, or let server.keep_alive or server.heartbeat ask sooner",
		Spoils: []string{},
	}
}
