//go:build linux

package peer

import (
	"maps"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/sample"
)

// open opens the sampling thread's account.
func (s *sampler) open() {
	s.began, s.atFirst = linux.Nano(), linux.ThreadTime()
	s.userFirst, s.sysFirst = linux.ThreadCPU()
}

// tick takes the look that is due, if one is.
func (s *sampler) tick() {
	now, p := linux.Nano(), s.tallied()
	if p.Exhausted && !s.exhaustion || s.pace.splitDue(now) || s.pace.totalsDue(now) {
		s.keep(s.look(now, p, false))
		s.share()
	}
}

// look takes one sample: the totals, and the states where that is due; every socket where that is asked for, and when the
// first EADDRNOTAVAIL has come back.
func (s *sampler) look(now int64, p Progress, asked bool) (record.Sample, error) {
	begun := linux.ThreadTime()
	smp := record.Sample{
		AtMS: float64(now-s.epoch) / 1e6, Opened: p.Opened, OK: p.OK, Failed: p.Failed,
	}
	needed := asked || p.Exhausted && !s.exhaustion
	s.exhaustion = s.exhaustion || p.Exhausted
	k, err := s.kindOf(needed, now)
	if err == nil {
		err = s.take(k, &smp)
	}
	s.limits.look(s.split.Listeners, smp.States != nil)
	gap := s.pace.every
	if s.countsOrphans(&smp) {
		gap = totalsEvery
	}
	spent := s.note(k, begun)
	s.pace.took(k, now, spent, gap, needed)
	smp.CostUS = float64(spent) / 1e3
	return smp, err
}

// kindOf tells what is to be counted now.
func (s *sampler) kindOf(needed bool, now int64) (kind, error) {
	switch {
	case needed:
		return fullLook, nil
	case !s.pace.splitDue(now):
		return totalsLook, nil
	case !s.watch.OwnNamespace, s.watch.Orphans, s.watch.Mixed, len(s.watch.Tuples) > 1:
		return fullLook, nil // nothing but a dump tells whose TIME_WAIT they are, or that they are none
	}
	t, err := s.sockstat.Read()
	tw := t.TimeWait - s.finWait2
	switch {
	case err != nil:
		return totalsLook, err
	case tw > 0 && s.longest == 0: // their age is still to be seen
		return fullLook, nil
	case len(s.watch.Tuples) == 1 && outgrown(s.ports[0].Told, tw+t.InUse+t.InUse6):
		return fullLook, nil
	}
	return splitLook, nil
}

// outgrown tells whether the ports are to be told apart by parity again: a tenth more are in use than ever when they were.
func outgrown(told, now int64) bool { return now-told > told/10 }

func (s *sampler) take(k kind, smp *record.Sample) error {
	if k == totalsLook {
		return s.takeTotals(smp)
	}
	if k == fullLook {
		if err := s.states.Split(s.filter, &s.split); err != nil {
			return err
		}
	} else if err := s.takeStates(); err != nil {
		return err
	}
	s.finWait2 = s.split.OrphanFinWait2
	s.takeSplit(smp, k)
	return nil
}

// takeStates counts by state without a row for each TIME_WAIT: their number is sockstat's tw, less the orphaned FIN_WAIT2
// in it (inet_timewait_sock serves both).
func (s *sampler) takeStates() error {
	if err := s.states.WithoutTimeWait(s.filter, &s.split); err != nil {
		return err
	}
	t, err := s.sockstat.Read()
	s.split.SetTimeWait(t.TimeWait)
	return err
}

// countsOrphans tells that sockstat's tw has orphaned FIN_WAIT2 in it, or may have: who gives a connection up closes it.
// They come and go, and TIME_WAIT is then known from dumps alone.
func (s *sampler) countsOrphans(smp *record.Sample) bool {
	return s.watch.OwnNamespace && (s.finWait2 > 0 || smp.Failed > 0)
}

func (s *sampler) takeTotals(smp *record.Sample) error {
	if !s.watch.OwnNamespace || s.watch.Orphans || s.countsOrphans(smp) {
		return nil
	}
	t, err := s.sockstat.Read()
	smp.TimeWait = &t.TimeWait
	return err
}

// takeSplit keeps what the look at the states has told.
func (s *sampler) takeSplit(smp *record.Sample, k kind) {
	smp.States = maps.Clone(s.split.Counts)
	tw, orphans := smp.States[record.TimeWait], s.split.Orphans
	smp.TimeWait, smp.Orphans = &tw, &orphans
	smp.Stalled = new(s.split.Stalled)
	s.mu.Lock()
	defer s.mu.Unlock()
	for state, n := range smp.States {
		s.peak[state] = max(s.peak[state], n)
	}
	s.end, s.orphans = smp.States, s.split.OrphanFinWait2
	s.longest = max(s.longest, s.split.MaxTimeWaitMS)
	s.finWait = max(s.finWait, s.split.MaxFinWait2MS)
	s.takePorts(smp, k)
}

// takePorts counts the ports of each tuple and remembers each one's peak. Where there is one tuple alone, each TIME_WAIT
// holds a port of it, and a look that has no row for them knows their number, but not the ports' parity.
func (s *sampler) takePorts(smp *record.Sample, k kind) {
	if len(s.watch.Tuples) == 0 {
		return
	}
	smp.PortsInUse = make([]int64, len(s.watch.Tuples))
	if k == splitLook {
		smp.PortsInUse[0] = *smp.TimeWait
	}
	for _, u := range s.split.Tuples {
		i, watched := s.tuples[u.Tuple]
		if !watched {
			continue
		}
		smp.PortsInUse[i] += u.InUse
		if k == fullLook && u.InUse > s.ports[i].Told {
			s.ports[i].Told, s.ports[i].Even, s.ports[i].Odd = u.InUse, u.Even, u.Odd
		}
	}
	for i, n := range smp.PortsInUse {
		s.ports[i].InUse = max(s.ports[i].InUse, n)
	}
}

// exact counts TIME_WAIT at this moment, in the way of takeStates, or by a filtered dump where the namespace is shared.
func (s *sampler) exact() (Standing, error) {
	begun, k := linux.ThreadTime(), splitLook
	if s.watch.OwnNamespace {
		if err := s.takeStates(); err != nil {
			return Standing{}, err
		}
	} else {
		k = fullLook
		if err := s.states.Split(s.filter, &s.split); err != nil {
			return Standing{}, err
		}
	}
	s.note(k, begun)
	counts := maps.Clone(s.split.Counts)
	return Standing{TimeWait: counts[record.TimeWait], Moving: s.moving(counts), Counts: counts}, nil
}

// refill is exact for a goal that is held: what has expired is to be opened again, and a look each 100 ms at every bucket
// of the kernel's table would cost more than the load. The totals are enough where the table has no orphan in it: the
// sockets of full size that do not stand there for good are on their way, and so is every other that sockstat's tw counts.
// No more is opened than is missing, since nothing is taken for less than it comes to.
func (s *sampler) refill() (Standing, error) {
	if !s.watch.OwnNamespace || s.watch.Orphans || s.finWait2 > 0 || s.watch.Leave != (sample.Leave{}) || s.end == nil {
		return s.exact()
	}
	begun := linux.ThreadTime()
	t, err := s.sockstat.Read()
	s.note(totalsLook, begun)
	if err != nil {
		return Standing{}, err
	}
	counts := maps.Clone(s.end)
	counts[record.TimeWait] = t.TimeWait
	stay := s.end.Total() - s.end[record.TimeWait] - s.moving(s.end)
	return Standing{TimeWait: t.TimeWait, Moving: max(0, t.InUse+t.InUse6-stay), Counts: counts}, nil
}

// note puts a look into the account, and gives what it cost.
func (s *sampler) note(k kind, begun time.Duration) time.Duration {
	spent := linux.ThreadTime() - begun
	user, system := linux.ThreadCPU()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.account.add(k, spent)
	s.cost = record.CPU{UserSeconds: (user - s.userFirst).Seconds(), SystemSeconds: (system - s.sysFirst).Seconds()}
	return spent
}

// share reckons what sampling has taken of a processor so far: all that the thread did, waking up included. It is called
// after looks that nobody asked for: what is counted when the load is over is none of its cost.
func (s *sampler) share() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told.SharePercent = 100 * float64(linux.ThreadTime()-s.atFirst) / float64(linux.Nano()-s.began)
}
