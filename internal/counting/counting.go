//go:build linux

// Package counting holds what counting the sockets of a network namespace costs: by the sampler, and by what people use
// instead of it (ss, netstat, /proc/net/tcp). Each way counts the same table; what each has counted is told, too.
//
// A Counter belongs to the thread on which it was made: that thread is in the namespace, and so are the programs that it
// starts.
package counting

import (
	"errors"
	"fmt"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/sample"
)

// Count is what one count found and took.
type Count struct {
	Seen Seen
	// CPU is the processor time of one count: this thread's, or that of all processes that were started for it.
	CPU, Wall time.Duration
}

// Seen is what a way to count can tell of a table; what it cannot tell is nil.
type Seen struct {
	// States has every state in which a socket stands.
	States record.Counts
	// TW is sockstat's tw: TIME_WAIT, and the orphaned FIN_WAIT2 that are kept in the same structure.
	TW *int64
	// Estab is the kernel's CurrEstab: ESTABLISHED and CLOSE_WAIT (net/ipv4/tcp.c, tcp_set_state).
	Estab *int64
}

// Way is a way to count.
type Way struct {
	Name  string // as rows are named: sampler, ss-awk
	About string // what is done, as one would type it
	// Package is the Debian package of the program that it takes, "" where there is none.
	Package string
	program string
	count   func(*Counter) (Count, error)
}

// The ways to count, with the sampler's first.
var ways = []Way{
	{Name: "sampler", About: "sock_diag without TIME_WAIT, and sockstat", count: (*Counter).sampler},
	{Name: "sampler-full", About: "sock_diag, every socket", count: (*Counter).full},
	{Name: "sockstat", About: "/proc/net/sockstat: TIME_WAIT alone", count: (*Counter).totals},
	{Name: "proc-net-tcp", About: "/proc/net/tcp and tcp6, read by a program", count: (*Counter).procTCP},
	{Name: "ss-awk", About: "ss -tan | awk", Package: "iproute2", program: "ss", count: (*Counter).ssAwk},
	{Name: "ss-s", About: "ss -s: TIME_WAIT and established alone", Package: "iproute2", program: "ss", count: (*Counter).ssSummary},
	{Name: "netstat-awk", About: "netstat -ant | awk", Package: "net-tools", program: "netstat", count: (*Counter).netstatAwk},
}

// Ways lists the ways to count.
func Ways() []Way { return ways }

// Counter counts the table of one namespace.
type Counter struct {
	states   *sample.States
	sockstat *sample.Sockstat
	split    sample.Split
}

// New opens what the sampler keeps open, in the namespace of the calling thread.
func New() (*Counter, error) {
	states, err := sample.NewStates()
	if err != nil {
		return nil, err
	}
	sockstat, err := sample.OpenSockstat(sample.Here)
	if err != nil {
		return nil, errors.Join(err, states.Close())
	}
	return &Counter{states: states, sockstat: sockstat}, nil
}

// Close gives them back.
func (c *Counter) Close() error { return errors.Join(c.states.Close(), c.sockstat.Close()) }

// Do counts in one way. A program that is not there is a MissingError.
func (c *Counter) Do(w Way) (Count, error) {
	if w.program != "" {
		if err := have(w.program, w.Package); err != nil {
			return Count{}, err
		}
	}
	n, err := w.count(c)
	if err != nil {
		return n, fmt.Errorf("%s: %w", w.About, err)
	}
	return n, nil
}

const (
	settleLimit = 5 * time.Second
	settleEvery = 5 * time.Millisecond
)

// Settle waits until no socket is on its way to another state: a FIN's ACK may be held back (delayed ACK).
func (c *Counter) Settle() error {
	for end := time.Now().Add(settleLimit); ; time.Sleep(settleEvery) {
		n, err := c.sampler()
		if err != nil || n.Seen.States[record.FinWait1] == 0 {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d sockets stay in FIN_WAIT1", n.Seen.States[record.FinWait1])
		}
	}
}

// both is the filter of a whole namespace.
var both = sample.Filter{BothFamilies: true, CountsOnly: true}

func (c *Counter) sampler() (Count, error) {
	return c.here(1, func() error {
		if err := c.states.WithoutTimeWait(both, &c.split); err != nil {
			return err
		}
		t, err := c.sockstat.Read()
		c.split.SetTimeWait(t.TimeWait)
		return err
	}, func() Seen { return c.everyState() })
}

func (c *Counter) full() (Count, error) {
	return c.here(1, func() error { return c.states.Split(both, &c.split) }, func() Seen { return c.everyState() })
}

// everyState is what the latest split can be held to.
func (c *Counter) everyState() Seen {
	counts := record.Counts{}
	for state, n := range c.split.Counts {
		counts[state] = n
	}
	return Seen{
		States: counts, TW: new(counts[record.TimeWait] + c.split.OrphanFinWait2),
		Estab: new(counts[record.Established] + counts[record.CloseWait]),
	}
}

// severalTotals is how often sockstat is read for one figure: once takes microseconds.
const severalTotals = 100

func (c *Counter) totals() (Count, error) {
	var t sample.SockstatValues
	return c.here(severalTotals, func() (err error) {
		t, err = c.sockstat.Read()
		return err
	}, func() Seen { return Seen{TW: &t.TimeWait} })
}

func (c *Counter) procTCP() (Count, error) {
	var counts [16]int64
	return c.here(1, func() error {
		return sample.VisitProcTCP(sample.Here, func(r *linux.DiagRow) { counts[r.State&15]++ })
	}, func() Seen {
		states := record.Counts{}
		for number, n := range counts {
			if s, ok := sample.StateOf(uint8(number)); ok && n > 0 {
				states[s] += n
			}
		}
		return Seen{States: states}
	})
}

// here measures what this thread does, times over.
func (c *Counter) here(times int, count func() error, seen func() Seen) (Count, error) {
	cpu, wall := linux.ThreadTime(), time.Now()
	for range times {
		if err := count(); err != nil {
			return Count{}, err
		}
	}
	out := Count{CPU: (linux.ThreadTime() - cpu) / time.Duration(times), Wall: time.Since(wall) / time.Duration(times)}
	out.Seen = seen()
	return out, nil
}
