//go:build linux

package client

import (
	"fmt"
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"twomsl/internal/callcost"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/tally"
)

// Latencies are kept from 1 us to 1000 s with three significant figures.
const (
	leastUS = 1
	mostUS  = 1_000_000_000
	figures = 3
)

// lateAfter is how far behind its intended start a connection must be to count as late.
const lateAfter = int64(time.Millisecond)

// recorder is one worker's memory of a run; all of it is allocated before the run.
type recorder struct {
	tally              tally.Tally
	closes             tally.Closes
	costs              *callcost.Recorder // nil where no call is timed
	connect            *hdrhistogram.Histogram
	fromIntended       *hdrhistogram.Histogram
	meter              tally.Meter
	written, read      int64 // filled in by merge, from the worker's own count
	eofs, resets       int64
	late, unfinished   int64
	tuples             []tupleCount
	recent             [4096]success
	recentN            int
	cpuUser, cpuSystem time.Duration
	lastEnd            int64
}

// tupleCount is what one worker did on one tuple.
type tupleCount struct {
	successes int64
	okBefore  int64 // whose connect() was called before the first EADDRNOTAVAIL known at the time
}

// success is kept for the latest successes: another worker may learn of the first EADDRNOTAVAIL a moment later than it
// came back, and what was counted meanwhile is then taken back.
type success struct {
	tuple  int32
	called int64
}

func newRecorder(p *Plan) recorder {
	return recorder{
		closes:       tally.NewCloses(p.Until.Std()),
		connect:      hdrhistogram.New(leastUS, mostUS, figures),
		fromIntended: hdrhistogram.New(leastUS, mostUS, figures),
		tuples:       make([]tupleCount, p.Tuples()),
		meter:        tally.NewMeter(p.Meter / max(1, p.Workers)),
		costs:        callcost.New(p.CallCosts),
	}
}

func (r *recorder) started(called, intended int64, rate scenario.Rate) {
	if rate != scenario.Max && called-intended > lateAfter {
		r.late++
	}
}

// connected counts a handshake that is over. With TCP_FASTOPEN_CONNECT, and in a chain, nobody is told when that is: it
// is not timed.
func (r *recorder) connected(c *conn, now int64, rate scenario.Rate, firstExhaustion int64, timed bool) {
	if timed {
		observe(r.connect, now-c.called)
	}
	if rate != scenario.Max && timed {
		observe(r.fromIntended, now-c.intended)
	}
	t := &r.tuples[c.tuple]
	t.successes++
	if c.called < firstExhaustion {
		t.okBefore++
		r.recent[r.recentN%len(r.recent)] = success{c.tuple, c.called}
		r.recentN++
	}
}

func (r *recorder) closedFirst(at int64) { r.closes.Add(at) }

// observe records nanoseconds as microseconds, rounded up: 0 us would be a lie. What is beyond the table counts as its
// end.
func observe(h *hdrhistogram.Histogram, ns int64) {
	us := min(max((ns+999)/1000, leastUS), mostUS)
	_ = h.RecordValue(us) // only values out of range are refused
}

// Result is what a run came to. Times are seconds from the first intended start.
type Result struct {
	Progress   Progress `json:"progress"`
	Unfinished int64    `json:"unfinished"`
	NotStarted int64    `json:"not_started"`
	Late       int64    `json:"late"`
	// StoppedBy is after, connections, or the reason that Stop was given.
	StoppedBy   string           `json:"stopped_by"`
	LoadSeconds float64          `json:"load_seconds"`
	Outcomes    []record.Outcome `json:"outcomes"`
	Latency     record.Latency   `json:"latency"`
	Tuples      []TupleResult    `json:"tuples"`
	Written     int64            `json:"written"`
	Read        int64            `json:"read"`
	EOFs        int64            `json:"eofs"`   // ends of the stream that the application saw
	Resets      int64            `json:"resets"` // and resets
	Meter       []byte           `json:"meter"`  // tally.Meter, packed
	FirstCloses int64            `json:"first_closes"`
	CPU         record.CPU       `json:"cpu"`
	// HiddenRetries is how many connect() a library called on top; nil where the engine makes its calls itself.
	HiddenRetries *int64 `json:"hidden_retries"`
	// Costs are the times of system calls; nil where they were not asked for.
	Costs        *callcost.Costs `json:"costs"`
	ClosesByTime tally.Closes    `json:"-"`
	// Command is a client of somebody else's; nil where the client is ours.
	Command *record.ClientCommand `json:"command"`
}

// TupleResult is one tuple's share, in the order of Plan's tuples: source by source, each with all destinations.
type TupleResult struct {
	Successes              int64    `json:"successes"`
	OKBefore               *int64   `json:"ok_before_first_exhaustion"`
	FirstExhaustionSeconds *float64 `json:"first_exhaustion_seconds"`
}

// Result merges the workers' recorders. It may be asked for once Done is closed.
func (c *Client) Result() (Result, error) {
	total := newRecorder(&c.plan)
	for _, w := range c.workers {
		w.rec.written, w.rec.read = w.talk.Written, w.talk.Read
		w.rec.eofs, w.rec.resets = w.talk.EOFs, w.talk.Resets
		total.merge(&w.rec)
	}
	p := c.Progress()
	res := Result{
		Progress: p, Unfinished: total.unfinished, Late: total.late, Written: total.written, Read: total.read,
		Outcomes: total.tally.Outcomes("client", p.OK), FirstCloses: total.closes.Total(), ClosesByTime: total.closes,
		CPU:       record.CPU{UserSeconds: total.cpuUser.Seconds(), SystemSeconds: total.cpuSystem.Seconds()},
		StoppedBy: "after", Tuples: c.tupleResults(), EOFs: total.eofs, Resets: total.resets, Meter: total.meter.Pack(),
	}
	end := c.endOfStarts(&res)
	res.NotStarted = c.notStarted(end)
	res.LoadSeconds = max(0, time.Duration(max(end, total.lastEnd)-c.epoch).Seconds())
	var err error
	res.Costs = total.costs.Costs()
	if res.Latency.Connect, err = quantiles(total.connect); err != nil {
		return res, err
	}
	res.Latency.ConnectOneIn = c.connectOneIn()
	if c.plan.Rate != scenario.Max {
		res.Latency.FromIntended, err = quantiles(total.fromIntended)
	}
	return res, err
}

// endOfStarts is when the last start was allowed, and by what.
func (c *Client) endOfStarts(res *Result) int64 {
	if n := c.plan.Connections; n > 0 && res.Progress.Opened >= n {
		res.StoppedBy = "connections" // also where somebody says stop when all is over
		return 0
	}
	if at := c.stopped.Load(); at != 0 && at < c.deadline() {
		res.StoppedBy = *c.reason.Load()
		return at
	}
	return c.deadline()
}

// notStarted counts the connections that were due before the end and had not been started by then.
func (c *Client) notStarted(end int64) int64 {
	if c.plan.Rate == scenario.Max || end == 0 {
		return 0
	}
	var n int64
	for _, w := range c.workers {
		if w.held {
			continue
		}
		// strictly before the end, and of this worker's share: next, next+workers, ...
		due := min(c.schedule.Due(time.Duration(end-w.epoch-1)), w.planned())
		if step := int64(c.plan.Workers); due > w.next {
			n += (due - w.next + step - 1) / step
		}
	}
	return n
}

func (c *Client) tupleResults() []TupleResult {
	res := make([]TupleResult, c.plan.Tuples())
	for t := range res {
		first := c.firstExhaustion[t].Load()
		var before int64
		for _, w := range c.workers {
			res[t].Successes += w.rec.tuples[t].successes
			before += w.rec.tuples[t].okBefore - w.rec.takeBack(int32(t), first)
		}
		if first != math.MaxInt64 {
			at := time.Duration(first - c.epoch).Seconds()
			res[t].OKBefore, res[t].FirstExhaustionSeconds = &before, &at
		}
	}
	return res
}

// takeBack counts the recent successes of a tuple that were called after its first EADDRNOTAVAIL all the same.
func (r *recorder) takeBack(tuple int32, first int64) int64 {
	var n int64
	for _, s := range r.recent[:min(r.recentN, len(r.recent))] {
		if s.tuple == tuple && s.called >= first {
			n++
		}
	}
	return n
}

func (r *recorder) merge(o *recorder) {
	r.tally.Merge(&o.tally)
	r.closes.Merge(&o.closes)
	r.costs.Merge(o.costs)
	r.connect.Merge(o.connect)
	r.fromIntended.Merge(o.fromIntended)
	r.meter.Merge(&o.meter)
	r.eofs += o.eofs
	r.resets += o.resets
	r.written += o.written
	r.read += o.read
	r.late += o.late
	r.unfinished += o.unfinished
	r.cpuUser += o.cpuUser
	r.cpuSystem += o.cpuSystem
	r.lastEnd = max(r.lastEnd, o.lastEnd)
}

func quantiles(h *hdrhistogram.Histogram) (*record.Quantiles, error) {
	if h.TotalCount() == 0 {
		return nil, nil
	}
	text, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, fmt.Errorf("latency histogram: %w", err)
	}
	at := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) }
	return &record.Quantiles{
		Count: h.TotalCount(), P50US: at(50), P90US: at(90), P99US: at(99), P999US: at(99.9), MaxUS: float64(h.Max()),
		Histogram: string(text),
	}, nil
}
