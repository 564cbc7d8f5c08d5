//go:build linux

package server

import (
	"sync/atomic"
	"time"

	"twomsl/internal/callcost"
	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/tally"
)

// closeTimes is, by client port, when this side last closed first, in milliseconds from the start of the load plus one;
// 0: never.
type closeTimes [1 << 16]atomic.Uint32

// recorder is one worker's memory of a run; all of it is allocated before the run, but closeTimes with an address's first
// close.
type recorder struct {
	tally      tally.Tally
	closes     tally.Closes
	meter      tally.Meter
	unfinished int64
	lifeLeast  int64
	lifeMost   int64
	// lastClose tells, by listener and client address, what became of a TIME_WAIT when its tuple comes back. Workers that
	// share a listener share it: who accepts a tuple need not be who closed it.
	lastClose  []atomic.Pointer[closeTimes]
	costs      *callcost.Recorder // nil where no call is timed
	replaced   int64              // came back within the shortest life: the TIME_WAIT was given up for it
	expired    int64              // came back after the longest life
	uncertain  int64              // in between
	cpuUser    time.Duration
	cpuSystem  time.Duration
	foreigners int64 // from addresses that the plan does not know
	kept       Kept
}

func newRecorder(p *Plan) recorder {
	return recorder{
		closes: tally.NewCloses(p.Length.Std()), lastClose: make([]atomic.Pointer[closeTimes], len(p.Listen)*len(p.Sources)),
		meter:     tally.NewMeter(p.Meter / max(1, p.Workers)),
		costs:     callcost.New(p.CallCosts),
		lifeLeast: int64(p.LifeLeast), lifeMost: int64(p.LifeMost),
	}
}

// split tells a tuple's listener and address from its port.
func split(tuple int64) (block int, port uint16) { return int(tuple >> 16), uint16(tuple) }

// accepted sees a tuple come, perhaps again. at is nanoseconds from the start of the load.
func (r *recorder) accepted(tuple int64, at int64) {
	if tuple < 0 {
		r.foreigners++
		return
	}
	block, port := split(tuple)
	times := r.lastClose[block].Load()
	if times == nil {
		return
	}
	closed := times[port].Load()
	if closed == 0 {
		return
	}
	switch r.fate(closed, at) {
	case standing:
		r.replaced++
	case expired:
		r.expired++
	case uncertain:
		r.uncertain++
	}
	times[port].Store(0)
}

// fate is what has become of a TIME_WAIT by its age.
type fate int

const (
	standing  fate = iota // younger than the shortest life
	uncertain             // in between
	expired               // older than the longest life
)

func (r *recorder) fate(closed uint32, at int64) fate {
	age := at - int64(closed-1)*int64(time.Millisecond) // or up to a millisecond less: it was rounded down
	switch {
	case age < r.lifeLeast:
		return standing
	case age-int64(time.Millisecond) > r.lifeMost:
		return expired
	}
	return uncertain
}

// closedFirst sees this side close before it had read the peer's FIN.
func (r *recorder) closedFirst(tuple int64, at int64) {
	r.closes.Add(at)
	r.remember(tuple, at)
}

// remember notes when a tuple was closed, for when it comes back.
func (r *recorder) remember(tuple int64, at int64) {
	if tuple < 0 {
		return
	}
	block, port := split(tuple)
	times := r.lastClose[block].Load()
	if times == nil {
		r.lastClose[block].CompareAndSwap(nil, new(closeTimes))
		times = r.lastClose[block].Load()
	}
	times[port].Store(stamp(at))
}

// forget takes back what remember noted, unless the tuple has come back since.
func (r *recorder) forget(tuple int64, at int64) {
	if tuple < 0 {
		return
	}
	block, port := split(tuple)
	if times := r.lastClose[block].Load(); times != nil {
		times[port].CompareAndSwap(stamp(at), 0)
	}
}

// stamp is a time as closeTimes keeps it.
func stamp(at int64) uint32 { return uint32(max(0, at)/int64(time.Millisecond)) + 1 }

// Result is what a run came to.
type Result struct {
	Progress    Progress         `json:"progress"`
	Unfinished  int64            `json:"unfinished"`
	Outcomes    []record.Outcome `json:"outcomes"`
	Written     int64            `json:"written"`
	Read        int64            `json:"read"`
	EOFs        int64            `json:"eofs"`   // ends of the stream that the application saw
	Resets      int64            `json:"resets"` // and resets
	Meter       []byte           `json:"meter"`  // tally.Meter, packed
	FirstCloses int64            `json:"first_closes"`
	// Replaced had their TIME_WAIT taken over by a new connection on the same tuple. Expired have surely outlived it at
	// the time asked for, Uncertain may have.
	Replaced  int64 `json:"replaced"`
	Expired   int64 `json:"expired"`
	Uncertain int64 `json:"uncertain"`
	// Foreigners came from addresses that the plan does not name.
	Foreigners int64      `json:"foreigners"`
	CPU        record.CPU `json:"cpu"`
	Kept       Kept       `json:"kept"`
	// AskedToClose had their clients ask the server to close first, although the plan leaves that to them.
	AskedToClose int64 `json:"asked_to_close"`
	// Costs are the times of system calls; nil where they were not asked for.
	Costs *callcost.Costs `json:"costs"`
}

// Result merges the workers' recorders, with the ages of TIME_WAIT as they are at the time given (CLOCK_MONOTONIC, ns).
// It may be asked for once Done is closed.
func (s *Server) Result(at int64) Result {
	var t tally.Tally
	var m tally.Meter
	costs := callcost.New(s.plan.CallCosts)
	res := Result{Progress: s.Progress()}
	for i, w := range s.workers {
		r := &w.rec
		t.Merge(&r.tally)
		res.Unfinished += r.unfinished
		m.Merge(&r.meter)
		res.Written += w.talk.Written
		res.Read += w.talk.Read
		res.EOFs += w.talk.EOFs
		res.Resets += w.talk.Resets
		res.FirstCloses += r.closes.Total()
		res.Replaced += r.replaced
		res.Expired += r.expired
		res.Uncertain += r.uncertain
		res.Foreigners += r.foreigners
		res.Kept.merge(&r.kept)
		res.CPU.UserSeconds += r.cpuUser.Seconds()
		res.CPU.SystemSeconds += r.cpuSystem.Seconds()
		if i == 0 || !s.shared {
			r.age(at-s.epoch.Load(), &res)
		}
		costs.Merge(r.costs)
	}
	res.Costs = costs.Costs()
	res.Meter = m.Pack()
	res.Outcomes = t.Outcomes("server", res.Progress.OK)
	return res
}

// age sorts the TIME_WAIT that nobody came back for.
func (r *recorder) age(at int64, res *Result) {
	for i := range r.lastClose {
		times := r.lastClose[i].Load()
		if times == nil {
			continue
		}
		for port := range times {
			closed := times[port].Load()
			if closed == 0 {
				continue
			}
			switch r.fate(closed, at) {
			case expired:
				res.Expired++
			case uncertain:
				res.Uncertain++
			}
		}
	}
}

// Now is the clock that Start and Result speak of.
func Now() int64 { return linux.Nano() }
