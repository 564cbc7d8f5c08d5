//go:build linux

package server

import (
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/tally"
)

// recorder is one worker's memory of a run; all of it is allocated before the run.
type recorder struct {
	tally         tally.Tally
	closes        tally.Closes
	written, read int64
	unfinished    int64
	lifeLeast     int64
	lifeMost      int64
	// lastClose is, by tuple, when this side last closed first; 0: never. It tells what became of the TIME_WAIT when the
	// same tuple comes back.
	lastClose  []int64
	replaced   int64 // came back within the shortest life: the TIME_WAIT was given up for it
	expired    int64 // came back after the longest life
	uncertain  int64 // in between
	cpuUser    time.Duration
	cpuSystem  time.Duration
	foreigners int64 // from addresses that the plan does not know
}

func newRecorder(p *Plan) recorder {
	return recorder{
		closes: tally.NewCloses(p.Length.Std()), lastClose: make([]int64, len(p.Listen)*len(p.Sources)<<16),
		lifeLeast: int64(p.LifeLeast), lifeMost: int64(p.LifeMost),
	}
}

// accepted sees a tuple come, perhaps again.
func (r *recorder) accepted(tuple int32, now int64) {
	if tuple < 0 {
		r.foreigners++
		return
	}
	last := r.lastClose[tuple]
	if last == 0 {
		return
	}
	r.lastClose[tuple] = 0
	switch age := now - last; {
	case age < r.lifeLeast:
		r.replaced++
	case age > r.lifeMost:
		r.expired++
	default:
		r.uncertain++
	}
}

// closedFirst sees this side close before it had read the peer's FIN.
func (r *recorder) closedFirst(tuple int32, now, epoch int64) {
	r.closes.Add(now - epoch)
	if tuple >= 0 {
		r.lastClose[tuple] = now
	}
}

// Result is what a run came to.
type Result struct {
	Progress    Progress         `json:"progress"`
	Unfinished  int64            `json:"unfinished"`
	Outcomes    []record.Outcome `json:"outcomes"`
	Written     int64            `json:"written"`
	Read        int64            `json:"read"`
	FirstCloses int64            `json:"first_closes"`
	// Replaced had their TIME_WAIT taken over by a new connection on the same tuple. Expired have surely outlived it at
	// the time asked for, Uncertain may have.
	Replaced  int64 `json:"replaced"`
	Expired   int64 `json:"expired"`
	Uncertain int64 `json:"uncertain"`
	// Foreigners came from addresses that the plan does not name.
	Foreigners int64      `json:"foreigners"`
	CPU        record.CPU `json:"cpu"`
}

// Result merges the workers' recorders, with the ages of TIME_WAIT as they are at the time given (CLOCK_MONOTONIC, ns).
// It may be asked for once Done is closed.
func (s *Server) Result(at int64) Result {
	var t tally.Tally
	res := Result{Progress: s.Progress()}
	for _, w := range s.workers {
		r := &w.rec
		t.Merge(&r.tally)
		res.Unfinished += r.unfinished
		res.Written += r.written
		res.Read += r.read
		res.FirstCloses += r.closes.Total()
		res.Replaced += r.replaced
		res.Expired += r.expired
		res.Uncertain += r.uncertain
		res.Foreigners += r.foreigners
		res.CPU.UserSeconds += r.cpuUser.Seconds()
		res.CPU.SystemSeconds += r.cpuSystem.Seconds()
		r.age(at, &res)
	}
	res.Outcomes = t.Outcomes("server", res.Progress.OK)
	return res
}

// age sorts the TIME_WAIT that nobody came back for.
func (r *recorder) age(at int64, res *Result) {
	for _, last := range r.lastClose {
		switch {
		case last == 0 || at-last < r.lifeLeast:
		case at-last > r.lifeMost:
			res.Expired++
		default:
			res.Uncertain++
		}
	}
}

// Now is the clock that Start and Result speak of.
func Now() int64 { return linux.Nano() }
