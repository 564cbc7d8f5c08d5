//go:build linux

package trial

import (
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
)

// ledger accounts for the TIME_WAIT of one side; where the namespace is shared its counters are both sides', and there is
// no account.
func (r *run) ledger(s *side) (l record.LedgerSide) {
	res := s.result
	if res == nil || !r.ownCounters(s) {
		return l
	}
	entered := res.Counters["TcpExt.TW"] + res.Counters["TcpExt.TWKilled"]
	standing := res.End[record.TimeWait]
	l.Entered, l.Standing, l.Expired, l.ExpiredMost = &entered, &standing, &res.Expired, &res.ExpiredMost
	reused := res.Counters["TcpExt.TWRecycled"]
	l.Reused = &reused
	if r.commanded() || r.spoken != "" || r.foreign() && s == r.server { // nobody told when it closed which connection
		l.Expired, l.ExpiredMost = nil, nil
		return l
	}
	var replaced int64
	if res.Server != nil {
		l.FirstCloses, replaced = &res.Server.FirstCloses, res.Server.Replaced
	}
	if res.Client != nil {
		l.FirstCloses = &res.Client.FirstCloses
	}
	// TW counts an orphaned FIN_WAIT2 too, whether it becomes a TIME_WAIT or ends as it is (__inet_twsk_schedule).
	orphans := max(res.OrphanFinWait2, r.orphaned(s))
	l.FinWait2 = &orphans
	rest := entered - standing - reused - orphans
	if r.strategy.Expect.Server.States[record.TimeWait] == record.Some {
		// Where both close at once, a close before the peer's FIN was read left a TIME_WAIT here or there.
		replaced = min(replaced, max(0, rest))
	}
	rest -= replaced
	l.Replaced = &replaced
	// The times of the closes bound how many have expired; what reuse or a new SYN took did not.
	least, most := max(0, res.Expired-reused), res.ExpiredMost
	if s == r.server { // a minute that began anew is not over when its close is a minute ago
		least = max(0, least-r.stand.record.Renewed)
	}
	unexplained := int64(0)
	switch {
	case rest < least:
		unexplained = rest - least
	case rest > most:
		unexplained = rest - most
	}
	expired := rest - unexplained
	given := min(max(0, unexplained), r.gaveUp(s), res.Counters["Tcp.OutRsts"])
	l.GivenUp = &given
	unexplained -= given
	l.Expired, l.Unexplained = &expired, &unexplained
	return l
}

// gaveUp is how many connections a side ended for want of an answer, once they were established.
func (r *run) gaveUp(s *side) (n int64) {
	var outcomes []record.Outcome
	switch {
	case s.result.Client != nil:
		outcomes = s.result.Client.Outcomes
	case s.result.Server != nil:
		outcomes = s.result.Server.Outcomes
	}
	for _, o := range outcomes {
		if o.Cause == string(record.TimedOut) && o.Errno == "" && o.Phase != "connect" {
			n += o.Count
		}
	}
	return n
}

// orphaned is how many FIN_WAIT2 a side left that never became a TIME_WAIT, where the strategy is that its peer stays.
func (r *run) orphaned(s *side) int64 {
	switch {
	case s == r.client && r.leavesOrphans(clientSide), s == r.server && r.leavesOrphans(serverSide):
		return s.progress.OK
	}
	return 0
}

// leavesOrphans tells whether a side closes connections whose other end stays.
func (r *run) leavesOrphans(of scenario.Side) bool {
	declared, steps := r.strategy.Expect.Client, r.strategy.Client
	if of == serverSide {
		declared, steps = r.strategy.Expect.Server, r.strategy.Server
	}
	closes := !teardown.Keeps(steps)
	return closes && (declared.States[record.FinWait2] != "" || declared.Passing[record.FinWait2] != "")
}
