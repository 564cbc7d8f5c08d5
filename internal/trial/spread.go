//go:build linux

package trial

import (
	"twomsl/internal/linux"
	"twomsl/internal/scenario"
)

// leastEach is how many connections in flight a worker of its own on a processor is worth.
const leastEach = 8

// chooseSpread settles whether each worker has a processor to itself, where the connections that it opens are served, too.
// At full speed that saves the wake-ups of other processors and what their caches cost. What is slower, or shares the
// machine with others of the trial's programs, is left to the kernel's scheduler.
func (r *run) chooseSpread() {
	s := &r.scenario
	r.cpus = nil
	cpus, err := linux.AllowedCPUs()
	if err != nil || s.Engine != "split" || blocks(s) || s.Load.Rate != scenario.Max || !s.Stand.Off() || s.Relay != nil || r.foreign() || r.commanded() || r.overHosts() {
		return
	}
	if len(r.opt.CPUs.Client) > 0 || len(r.opt.CPUs.Server) > 0 || s.Server.ReusePort == scenario.Off || s.Server.AcceptDelay > 0 {
		return
	}
	if r.kept.processes.Client > 1 || r.kept.processes.Server > 1 {
		return
	}
	n := min(len(cpus), s.Load.Concurrency/leastEach)
	for _, asked := range []int{s.Client.Workers, s.Server.Workers} {
		if asked != 0 && asked != n {
			return
		}
	}
	if n > 1 {
		r.cpus = cpus[:n]
	}
}
