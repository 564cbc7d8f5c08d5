//go:build linux

package client

import (
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"

	"twomsl/internal/callcost"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/tally"
)

// Share is the part of the plan that the i-th of n processes carries out: the connections that are numbered i, i+n, i+2n
// ... of the whole. Each starts when it would if one process did it all.
func (p Plan) Share(i, n int) Plan {
	s := p
	s.Connections, s.Limit = ShareOf(p.Connections, i, n), ShareOf(p.Limit, i, n)
	if p.Limit > 0 && s.Limit == 0 {
		s.Limit = -1 // none so far; 0 would be all
	}
	if p.Failures > 0 {
		s.Failures = max(1, ShareOf(p.Failures, i, n))
	}
	s.Concurrency, s.Workers = max(1, shareOf(p.Concurrency, i, n)), max(1, shareOf(p.Workers, i, n))
	s.Concurrency, s.Meter = max(s.Concurrency, s.Workers), shareOf(p.Meter, i, n)
	if r := p.Socket.Bind.Ports; p.Socket.Bind.Mode == scenario.BindPorts {
		size := r.Size()
		s.Socket.Bind.Ports = scenario.PortRange{Low: r.Low + size*i/n, High: r.Low + size*(i+1)/n - 1}
	}
	stride := max(1, p.Stride)
	s.First, s.Stride = p.First+int64(i)*stride, stride*int64(n)
	return s
}

// ShareOf is how many of the numbers below total belong to the i-th of n.
func ShareOf(total int64, i, n int) int64 { return scenario.ShareOf(total, i, n) }

func shareOf(total, i, n int) int { return int(ShareOf(int64(total), i, n)) }

// Merge is what n processes came to that shared a plan. Their first closes have lost their times: shared are only plans
// that keep their connections.
func Merge(parts []Result) (Result, error) {
	whole := parts[0]
	var m merger
	whole.Outcomes, whole.Tuples = nil, make([]TupleResult, len(parts[0].Tuples))
	whole.Progress, whole.Unfinished, whole.NotStarted, whole.Late = Progress{}, 0, 0, 0
	whole.Written, whole.Read, whole.EOFs, whole.Resets, whole.FirstCloses = 0, 0, 0, 0, 0
	whole.LoadSeconds, whole.CPU = 0, record.CPU{}
	for i := range parts {
		m.add(&whole, &parts[i])
	}
	whole.Meter = m.meter.Pack()
	var err error
	if whole.Costs, err = callcost.MergeCosts(m.costs...); err != nil {
		return whole, err
	}
	if whole.Latency.Connect, err = m.connect.quantiles(); m.err == nil {
		m.err = err
	}
	if whole.Latency.FromIntended, err = m.fromIntended.quantiles(); m.err == nil {
		m.err = err
	}
	return whole, m.err
}

// merger gathers what has to be unpacked first.
type merger struct {
	meter                 tally.Meter
	costs                 []*callcost.Costs
	connect, fromIntended mergedLatency
	err                   error
}

func (m *merger) add(whole, p *Result) {
	w, q := &whole.Progress, &p.Progress
	w.Opened, w.OK, w.Failed, w.Exhausted = w.Opened+q.Opened, w.OK+q.OK, w.Failed+q.Failed, w.Exhausted || q.Exhausted
	whole.Unfinished += p.Unfinished
	whole.NotStarted += p.NotStarted
	whole.Late += p.Late
	whole.Written += p.Written
	whole.Read += p.Read
	whole.EOFs += p.EOFs
	whole.Resets += p.Resets
	whole.FirstCloses += p.FirstCloses
	whole.CPU.UserSeconds += p.CPU.UserSeconds
	whole.CPU.SystemSeconds += p.CPU.SystemSeconds
	whole.LoadSeconds = max(whole.LoadSeconds, p.LoadSeconds)
	if p.StoppedBy != "connections" { // one that had not opened all of its own speaks for the whole
		whole.StoppedBy = p.StoppedBy
	}
	whole.Outcomes = tally.MergeOutcomes(whole.Outcomes, p.Outcomes)
	for t := range p.Tuples {
		whole.Tuples[t].add(&p.Tuples[t])
	}
	m.costs = append(m.costs, p.Costs)
	m.note(m.connect.add(p.Latency.Connect))
	m.note(m.fromIntended.add(p.Latency.FromIntended))
	meter, err := tally.Unpack(p.Meter)
	m.note(err)
	m.meter.Merge(&meter)
}

func (m *merger) note(err error) {
	if m.err == nil {
		m.err = err
	}
}

// add joins the tuple's part of another process. What came before the first EADDRNOTAVAIL of all is told only where one
// process met it: the others do not know when that was.
func (t *TupleResult) add(o *TupleResult) {
	t.Successes += o.Successes
	if o.FirstExhaustionSeconds == nil {
		return
	}
	at := *o.FirstExhaustionSeconds
	if t.FirstExhaustionSeconds == nil || at < *t.FirstExhaustionSeconds {
		t.FirstExhaustionSeconds = &at
	}
	t.OKBefore = nil
}

// mergedLatency adds up histograms.
type mergedLatency struct{ all *hdrhistogram.Histogram }

func (l *mergedLatency) add(q *record.Quantiles) error {
	if q == nil {
		return nil
	}
	h, err := hdrhistogram.Decode([]byte(q.Histogram))
	if err != nil {
		return fmt.Errorf("latency histogram: %w", err)
	}
	if l.all == nil {
		l.all = hdrhistogram.New(leastUS, mostUS, figures)
	}
	l.all.Merge(h)
	return nil
}

func (l *mergedLatency) quantiles() (*record.Quantiles, error) {
	if l.all == nil {
		return nil, nil
	}
	return quantiles(l.all)
}
