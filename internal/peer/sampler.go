//go:build linux

package peer

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"sync"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/internal/scenario"
)

const (
	// totalsEvery is how often the totals are read: sockstat costs next to nothing.
	totalsEvery = 100 * time.Millisecond
	// splitEvery is how often the states are told apart, at the most, unless Watch.Every says so.
	splitEvery = scenario.Duration(time.Second)
	// splitShare keeps the dumps' share of a processor under one in so many.
	splitShare = 100
)

// sampler looks at the side's sockets beside the load. Its work is done on one locked thread, so that its own cost can
// be told; requests from outside are handed to that thread.
type sampler struct {
	watch   Watch
	filter  sample.Filter
	tuples  map[sample.Tuple]int // number in watch.Tuples
	tallied func() Progress
	epoch   int64

	states   *sample.States
	sockstat *sample.Sockstat
	split    sample.Split
	limits   *limits

	requests chan request
	quit     chan struct{}
	once     sync.Once
	ended    chan struct{}

	mu      sync.Mutex
	samples []record.Sample
	err     error
	peak    record.Counts
	end     record.Counts
	orphans int64 // FIN_WAIT2 mini-sockets of the latest split
	ports   []Ports
	longest uint32
	finWait uint32 // the longest time left of an orphaned FIN_WAIT2
	cost    record.CPU

	// of the sampling thread alone
	nextSplit  int64
	finWait2   int64 // orphans of the latest count, which sockstat has among tw
	nextExact  int64 // when they may be counted again between splits
	exhaustion bool  // a split was taken for the first EADDRNOTAVAIL
}

// request asks the sampling thread for a count.
type request struct {
	full   bool // a split, kept as a sample; else the standing TIME_WAIT alone
	answer chan reply
}

type reply struct {
	standing Standing
	err      error
}

func newSampler(w Watch, tallied func() Progress) (*sampler, error) {
	s := &sampler{
		watch: w, tallied: tallied,
		filter: sample.Filter{
			IPv6: w.IPv6, BothFamilies: w.BothFamilies, LocalPort: w.LocalPort, RemotePort: w.RemotePort, NotLocalPort: w.NotLocalPort,
			CountsOnly: len(w.Tuples) == 0, // a server has a tuple for each connection
			Leave:      w.Leave,
		},
		requests: make(chan request), quit: make(chan struct{}), ended: make(chan struct{}),
		peak: record.Counts{}, ports: make([]Ports, len(w.Tuples)), tuples: map[sample.Tuple]int{},
	}
	for i, t := range w.Tuples {
		s.tuples[sample.Tuple{Local: t.Source, Remote: t.Destination.Addr(), RemotePort: t.Destination.Port()}] = i
	}
	var err error
	if s.states, err = sample.NewStates(); err != nil {
		return nil, err
	}
	if s.sockstat, err = sample.OpenSockstat(procSelf); err != nil {
		s.states.Close() //nolint:errcheck // the first error is told
		return nil, err
	}
	s.limits = newLimits(s.states, s.filter, w.Tracked)
	return s, nil
}

// start begins to sample; epoch is the zero of the samples' times.
func (s *sampler) start(epoch int64) {
	s.epoch = epoch
	go s.run()
}

func (s *sampler) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(s.ended)
	defer s.sockstat.Close() //nolint:errcheck // only read from
	defer s.states.Close()   //nolint:errcheck // only read from
	defer s.limits.close()
	tick := time.NewTicker(totalsEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.quit:
			return
		case r := <-s.requests:
			r.answer <- s.serve(r)
		case <-tick.C:
			s.keep(s.look(false))
		}
	}
}

func (s *sampler) serve(r request) reply {
	if r.full {
		smp, err := s.look(true)
		s.keep(smp, err)
		if err != nil {
			return reply{err: err}
		}
		return reply{}
	}
	n, err := s.exact()
	return reply{standing: n, err: err}
}

// exact counts TIME_WAIT at this moment: sockstat's tw less the orphaned FIN_WAIT2 in it (inet_timewait_sock serves
// both), or a filtered dump where the namespace is shared.
func (s *sampler) exact() (Standing, error) {
	if !s.watch.OwnNamespace {
		err := s.states.Split(s.filter, &s.split)
		return Standing{
			TimeWait: s.split.Counts[record.TimeWait], Moving: s.moving(s.split.Counts), Counts: maps.Clone(s.split.Counts),
		}, err
	}
	if err := s.states.WithoutTimeWait(s.filter, &s.split); err != nil {
		return Standing{}, err
	}
	totals, err := s.sockstat.Read()
	st := Standing{
		TimeWait: totals.TimeWait - s.split.OrphanFinWait2, Moving: s.moving(s.split.Counts), Counts: maps.Clone(s.split.Counts),
	}
	st.Counts[record.TimeWait] = st.TimeWait
	return st, err
}

// moving counts the connections that may still come to TIME_WAIT, or to the state that they are meant to stay in.
func (s *sampler) moving(c record.Counts) int64 {
	n := c.Total() - c[record.TimeWait] - c[record.Listen]
	for _, state := range s.watch.Standing {
		if state != record.TimeWait && state != record.Listen {
			n -= c[state]
		}
	}
	return n
}

// look takes one sample: the totals, and the split where it is due or asked for.
func (s *sampler) look(full bool) (record.Sample, error) {
	user, system := linux.ThreadCPU()
	now := linux.Nano()
	p := s.tallied()
	smp := record.Sample{
		AtMS: float64(now-s.epoch) / 1e6, Opened: p.Opened, OK: p.OK, Failed: p.Failed,
	}
	first := p.Exhausted && !s.exhaustion
	s.exhaustion = s.exhaustion || p.Exhausted
	var err error
	if full || first || now >= s.nextSplit {
		err = s.takeSplit(&smp)
	}
	if err == nil && s.watch.OwnNamespace && smp.TimeWait == nil {
		err = s.takeTotals(&smp)
	}
	s.limits.look(s.split.Listeners, smp.States != nil)
	u, sys := linux.ThreadCPU()
	spent := u - user + sys - system
	if smp.States != nil {
		s.nextSplit = now + max(int64(cmp.Or(s.watch.Every, splitEvery)), splitShare*int64(spent))
	}
	smp.CostUS = float64(spent) / 1e3
	s.mu.Lock()
	s.cost.UserSeconds += (u - user).Seconds()
	s.cost.SystemSeconds += (sys - system).Seconds()
	s.mu.Unlock()
	return smp, err
}

// takeTotals takes TIME_WAIT from sockstat, whose tw has orphaned FIN_WAIT2 among them. Those come and go where connections
// fail, since who gives one up closes it: then they are counted too, and where that would cost too much TIME_WAIT is left out.
func (s *sampler) takeTotals(smp *record.Sample) error {
	if s.finWait2 > 0 || smp.Failed > 0 {
		began := linux.Nano()
		if began < s.nextExact {
			return nil
		}
		if err := s.states.WithoutTimeWait(s.filter, &s.split); err != nil {
			return err
		}
		s.finWait2 = s.split.OrphanFinWait2
		s.nextExact = began + splitShare*(linux.Nano()-began)
	}
	t, err := s.sockstat.Read()
	if err != nil {
		return err
	}
	if !s.watch.Orphans {
		n := max(0, t.TimeWait-s.finWait2)
		smp.TimeWait = &n
	}
	return nil
}

func (s *sampler) takeSplit(smp *record.Sample) error {
	if err := s.states.Split(s.filter, &s.split); err != nil {
		return err
	}
	s.finWait2 = s.split.OrphanFinWait2
	smp.States = record.Counts{}
	for state, n := range s.split.Counts {
		smp.States[state] = n
	}
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
	s.takePorts(smp)
	return nil
}

// takePorts counts the ports of each tuple and remembers each one's peak.
func (s *sampler) takePorts(smp *record.Sample) {
	if len(s.watch.Tuples) == 0 {
		return
	}
	smp.PortsInUse = make([]int64, len(s.watch.Tuples))
	for _, u := range s.split.Tuples {
		i, watched := s.tuples[u.Tuple]
		if !watched {
			continue
		}
		smp.PortsInUse[i] = u.InUse
		if u.InUse > s.ports[i].InUse {
			s.ports[i] = Ports{InUse: u.InUse, Even: u.Even, Odd: u.Odd}
		}
	}
}

func (s *sampler) keep(smp record.Sample, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.err = fmt.Errorf("sampling at %.1f s: %w", smp.AtMS/1e3, err)
		return
	}
	s.samples = append(s.samples, smp)
}

// since gives the samples from number after on.
func (s *sampler) since(after int) ([]record.Sample, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if after < 0 || after > len(s.samples) {
		return nil, fmt.Errorf("progress after sample %d of %d", after, len(s.samples))
	}
	return append([]record.Sample{}, s.samples[after:]...), s.err
}

func (s *sampler) ask(full bool) (Standing, error) {
	r := request{full: full, answer: make(chan reply, 1)}
	select {
	case s.requests <- r:
		a := <-r.answer
		return a.standing, a.err
	case <-s.ended:
		return Standing{}, errors.New("the sampler has ended")
	}
}

// standing counts the side's TIME_WAIT exactly.
func (s *sampler) standing() (Standing, error) { return s.ask(false) }

// splitNow takes a full count now, into the samples.
func (s *sampler) splitNow() error {
	_, err := s.ask(true)
	return err
}

// stop ends the thread.
func (s *sampler) stop() error {
	s.once.Do(func() { close(s.quit) })
	<-s.ended
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// tell fills in what was seen over the whole run.
func (s *sampler) tell(r *Seen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.OrphanFinWait2 = s.orphans
	r.Peak, r.End, r.PeakPorts, r.Sampler = s.peak, s.end, s.ports, s.cost
	r.LongestLeftMS, r.FinWait2LeftMS = s.longest, s.finWait
	r.Limits = s.limits.seen
}
