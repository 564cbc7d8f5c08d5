//go:build linux

package trial

import (
	"cmp"
	"fmt"

	"twomsl/internal/callcost"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// blocks tells whether each connection in flight has a thread, which waits in its calls.
func blocks(s *scenario.Scenario) bool { return s.Engine == "split" && s.IO == "blocking" }

// threads says before the load when there are fewer threads than connections asked for, where each takes one.
func (r *run) threads() {
	s := &r.scenario
	if !blocks(s) {
		return
	}
	asked := s.Load.Concurrency
	s.Load.Concurrency = min(asked, cmp.Or(s.Client.Workers, scenario.MostThreads))
	if s.Load.Concurrency == asked {
		return
	}
	why, advice := fmt.Sprintf("a side has %d at most", scenario.MostThreads), "ask for a lower load.concurrency, or set io=epoll"
	if s.Client.Workers != 0 {
		why, advice = fmt.Sprintf("client.workers says %d", s.Client.Workers), "leave client.workers out, or set io=epoll"
	}
	w := record.Warning{
		Code: "threads-short",
		Text: fmt.Sprintf("io=blocking gives each connection in flight a thread, and %s: %d in flight instead of the %d asked for",
			why, s.Load.Concurrency, asked),
		Advice: advice, Spoils: []string{"connects_per_second"},
	}
	r.warn(w)
	if r.opt.Say != nil {
		r.opt.Say(w.Text + "; " + w.Advice)
	}
}

// serverThreads is one for each connection that the client has in flight, unless the scenario says, and one at least for
// each listener.
func (r *run) serverThreads() int {
	s := &r.scenario
	listeners := s.Server.Addresses * s.Server.Ports
	return min(scenario.MostThreads, max(cmp.Or(s.Server.Workers, s.Load.Concurrency), listeners))
}

// listenersEach is how many listeners stand side by side at one address: threads that wait share theirs.
func (r *run) listenersEach() int {
	if blocks(&r.scenario) {
		return 1
	}
	return r.serverWorkers()
}

// callCosts is where either side's time goes; nil where it was not asked for.
func (r *run) callCosts() ([]record.CallCost, error) {
	var out []record.CallCost
	if res := r.client.result; res != nil && res.Client != nil {
		costs, err := callcost.Record(r.client.name, res.Client.Costs)
		if err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
		out = append(out, costs...)
	}
	if res := r.server.result; res != nil && res.Server != nil {
		costs, err := callcost.Record(r.server.name, res.Server.Costs)
		if err != nil {
			return nil, fmt.Errorf("server: %w", err)
		}
		out = append(out, costs...)
	}
	return out, nil
}
