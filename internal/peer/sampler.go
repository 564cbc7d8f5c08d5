//go:build linux

package peer

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/sample"
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
	told    record.Sampling

	// of the sampling thread alone
	pace       pace
	account    account
	began      int64         // when the thread's account was opened
	atFirst    time.Duration // the thread's processor time then
	userFirst  time.Duration
	sysFirst   time.Duration
	finWait2   int64 // orphans of the latest count, which sockstat has among tw
	exhaustion bool  // a full look was taken for the first EADDRNOTAVAIL
}

// want is what is asked of the sampling thread.
type want int

const (
	wantSample   want = iota // every socket, kept as a sample
	wantStanding             // TIME_WAIT exactly, and what may still come to it
	wantRefill               // the same of a load that is over, see refill
)

// request asks the sampling thread for a count.
type request struct {
	want   want
	answer chan reply
}

type reply struct {
	standing Standing
	err      error
}

// every is how often the states are told apart at the most. In a shared namespace nothing else tells of TIME_WAIT: there it is
// as often as the budget pays for.
func (w *Watch) every() time.Duration {
	if !w.OwnNamespace {
		return cmp.Or(w.Every.Std(), totalsEvery)
	}
	return cmp.Or(w.Every.Std(), splitEvery)
}

func newSampler(w Watch, tallied func() Progress) (*sampler, error) {
	s := &sampler{
		watch: w, tallied: tallied,
		pace: pace{budget: w.Budget, every: w.every()},
		filter: sample.Filter{
			IPv6: w.IPv6, BothFamilies: w.BothFamilies, LocalPort: w.LocalPort, RemotePort: w.RemotePort, NotLocalPort: w.NotLocalPort,
			Remote:     w.Remote,
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
	s.open()
	var ticks <-chan time.Time // none, where nothing is done unasked
	if s.pace.budget > 0 {
		tick := time.NewTicker(totalsEvery)
		defer tick.Stop()
		ticks = tick.C
	}
	for {
		select {
		case <-s.quit:
			return
		case r := <-s.requests:
			r.answer <- s.serve(r)
		case <-ticks:
			s.tick()
		}
	}
}

func (s *sampler) serve(r request) reply {
	switch r.want {
	case wantSample:
		smp, err := s.look(linux.Nano(), s.tallied(), true)
		s.keep(smp, err)
		if err != nil {
			return reply{err: err}
		}
		return reply{}
	case wantRefill:
		n, err := s.refill()
		return reply{standing: n, err: err}
	}
	n, err := s.exact()
	return reply{standing: n, err: err}
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

func (s *sampler) ask(w want) (Standing, error) {
	r := request{want: w, answer: make(chan reply, 1)}
	select {
	case s.requests <- r:
		a := <-r.answer
		return a.standing, a.err
	case <-s.ended:
		return Standing{}, errors.New("the sampler has ended")
	}
}

// standing counts the side's TIME_WAIT exactly, or, for a refill, in the way that this takes.
func (s *sampler) standing(refill bool) (Standing, error) {
	if refill {
		return s.ask(wantRefill)
	}
	return s.ask(wantStanding)
}

// splitNow takes a full count now, into the samples.
func (s *sampler) splitNow() error {
	_, err := s.ask(wantSample)
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
	r.Sampling = s.told
	r.Sampling.BudgetPercent = 100 * s.pace.budget
	r.Sampling.Totals, r.Sampling.Splits, r.Sampling.Full = s.account[totalsLook], s.account[splitLook], s.account[fullLook]
	r.LongestLeftMS, r.FinWait2LeftMS = s.longest, s.finWait
	r.Limits = s.limits.seen
}
