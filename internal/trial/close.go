//go:build linux

package trial

import (
	"fmt"
	"maps"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
)

// close holds how the connections were taken down against what the strategy declares.
func (r *run) close(t *record.Trial) record.Close {
	if !r.scenario.Stand.Off() {
		return record.Close{NotJudged: "nothing is taken down: sockets were asked to stand", Contradictions: []string{}}
	}
	c := record.Close{
		Side: string(r.scenario.Close.Side), How: string(r.scenario.Close.How), Declared: filled(r.strategy.Expect),
		Contradictions: []string{},
	}
	c.Declared.Server = filled(r.serversPair().strategy.Expect).Server
	c.Seen.Client, c.Seen.Server = r.seen(r.client, t), r.seen(r.server, t)
	if c.NotJudged = r.notJudged(t); c.NotJudged != "" {
		return c
	}
	c.Contradictions = append(c.Contradictions, teardown.Judge(r.strategy.Expect, c.Seen, t.Established())...)
	agrees := len(c.Contradictions) == 0
	c.Agrees = &agrees
	return c
}

// filled writes the shares that a declaration leaves out.
func filled(x teardown.Expect) teardown.Expect {
	for _, d := range []*record.Declared{&x.Client, &x.Server} {
		d.States, d.Passing, d.Counters = full(d.States), full(d.Passing), full(d.Counters)
		if d.EOF == "" {
			d.EOF = record.None
		}
		if d.Reset == "" {
			d.Reset = record.None
		}
	}
	return x
}

func full[K comparable](m map[K]record.Share) map[K]record.Share {
	if m == nil {
		return map[K]record.Share{}
	}
	return maps.Clone(m)
}

// seen is what one side showed.
func (r *run) seen(s *side, t *record.Trial) (c record.CloseSeen) {
	res := s.result
	if res == nil {
		return c
	}
	c.States, c.Peak = everyState(res.End), everyState(res.Peak)
	l := t.Ledger.Client
	if s == r.server {
		l = t.Ledger.Server
	}
	for _, gone := range []*int64{l.Replaced, l.Reused, l.Expired} {
		if gone != nil {
			c.States[record.TimeWait] += *gone
		}
	}
	c.Counters = map[string]int64{}
	for _, name := range teardown.JudgedCounters {
		c.Counters[name] = res.Counters[name]
	}
	switch {
	case res.Client != nil:
		c.EOF, c.Reset = res.Client.EOFs, res.Client.Resets
	case res.Server != nil:
		c.EOF, c.Reset = res.Server.EOFs, res.Server.Resets
	}
	if d := t.Bytes.ToServer; d != nil && s == r.client {
		c.Lost = d.Lost
	}
	if d := t.Bytes.ToClient; d != nil && s == r.server {
		c.Lost = d.Lost
	}
	return c
}

// notJudged says why the kernel cannot be held to the declaration in this trial; "" where it can.
func (r *run) notJudged(t *record.Trial) string {
	switch {
	case t.Status != record.Complete:
		return "the trial is " + string(t.Status)
	case r.spoken != "":
		return "the clients are not ours, and what they did is not known"
	case r.relay != nil:
		return "client and server meet at a relay, where each connection ends for itself"
	case r.overHosts() && !(r.ownCounters(r.client) && r.ownCounters(r.server)):
		return "the hosts had connections of others, and counters do not tell whose are whose"
	case r.toTarget():
		return targetNotJudged
	case t.Scenario.Topology != string(scenario.Veth) && !r.overHosts():
		return "both sides share one namespace, and so its counters"
	case r.scenario.Load.HalfOpen > 0:
		return "connections that are half open stand beside the load"
	case t.Established() == 0:
		return "no connection was established"
	case r.commanded():
		return "the client is a command, and what its application did is not known"
	case r.foreign():
		return "the server is not ours, and what its application did is not known"
	case r.client.result == nil || r.client.result.Client == nil || r.server.result == nil || r.server.result.Server == nil:
		return "a side has told nothing"
	case r.kept.vanished != nil:
		return "the client's host vanished"
	}
	if n := r.spoiled(t); n > 0 {
		return fmt.Sprintf("%d connections ended before they were to be taken down", n)
	}
	for _, s := range []struct {
		name   string
		side   *record.Side
		ledger *record.LedgerSide
	}{{"client", &t.Sides.Client, &t.Ledger.Client}, {"server", &t.Sides.Server, &t.Ledger.Server}} {
		if n := s.side.Counters["TcpExt.TCPTimeWaitOverflow"]; n > 0 {
			return fmt.Sprintf("%d sockets of the %s found no TIME_WAIT bucket left", n, s.name)
		}
		if n := s.ledger.Unexplained; n != nil && *n != 0 {
			return fmt.Sprintf("%d TIME_WAIT of the %s are unaccounted for", *n, s.name)
		}
	}
	if r.strategy.FINsHeld && t.Phases.LoadSeconds > mostHeld {
		return fmt.Sprintf("the load took %.0f s, and the kernel gives a FIN up that is held for longer than a minute", t.Phases.LoadSeconds)
	}
	return r.finWait2Over(t)
}

// mostHeld is for how many seconds a FIN is surely tried again: an orphan in FIN_WAIT1 is gone after 108 s
// (tcp_orphan_retries).
const mostHeld = 60

// spoiled counts the connections that failed otherwise than by the strategy, on either side.
func (r *run) spoiled(t *record.Trial) (n int64) {
	for _, o := range t.Outcomes {
		peer := r.strategy.Expect.Server
		if o.Side == "server" {
			peer = r.strategy.Expect.Client
		}
		early := o.Phase == "write" || o.Phase == "read" || o.Phase == "accept" && !stillQueued(o)
		// A reset that throws away what is in flight cuts off the other side's exchange: that is the strategy's own doing.
		if early && !(peer.MayLose && o.Cause == string(record.Reset)) {
			n += o.Count
		}
	}
	return n + t.Connections.Unfinished
}

// stillQueued tells an accept() that failed for want of something: the connection is where it was.
func stillQueued(o record.Outcome) bool {
	return o.Cause == string(record.OutOfDescriptors) || o.Cause == string(record.OutOfMemory)
}

// finWait2Over: orphaned FIN_WAIT2 end after tcp_fin_timeout, and no counter tells of it.
func (r *run) finWait2Over(t *record.Trial) string {
	for _, s := range []struct {
		declared record.Declared
		side     *record.Side
		last     teardown.Step
	}{
		{r.strategy.Expect.Client, &t.Sides.Client, r.strategy.Client[len(r.strategy.Client)-1]},
		{r.strategy.Expect.Server, &t.Sides.Server, r.strategy.Server[len(r.strategy.Server)-1]},
	} {
		if stands := r.strategy.Settle.Seconds() - 1; s.declared.Passing[record.FinWait2] != "" && t.Phases.LoadSeconds*9/8 >= stands {
			return fmt.Sprintf("the load took %.1f s, and the first FIN_WAIT2 were gone before the last ones came", t.Phases.LoadSeconds)
		}
		if s.last.Op != teardown.Close || s.declared.States[record.FinWait2] == "" {
			continue
		}
		stands := finWait2Life(s.side.Sysctls.Effective).Seconds()
		if took := t.Phases.LoadSeconds + t.Phases.HoldSeconds; took >= stands {
			return fmt.Sprintf("the trial took longer than an orphaned FIN_WAIT2 stands (%.0f s)", stands)
		}
	}
	return ""
}
