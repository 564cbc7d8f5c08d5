//go:build linux

// Package callcost is what the system calls of connections took: timed on a share of the connections, one Recorder per
// worker, merged when the load is over. Where nothing is to be timed there is no Recorder, and a nil one costs a look at
// it and no more.
package callcost

import (
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"

	"twomsl/internal/linux"
	"twomsl/internal/record"
)

// Call is a system call of a connection's life.
type Call uint8

// The calls, in the order of a connection's life.
const (
	Socket Call = iota
	Option
	Bind
	Connect
	Accept
	Watch // epoll_ctl
	Write
	Read
	Shutdown
	Close
	calls
)

var names = [calls]string{"socket", "option", "bind", "connect", "accept", "watch", "write", "read", "shutdown", "close"}

func (c Call) String() string { return names[c] }

// OneIn is the share of the connections that are timed: one in so many.
const OneIn = 16

// Times are kept from 1 ns to 100 s with two significant figures.
const (
	leastNS = 1
	mostNS  = 100_000_000_000
	figures = 2
)

// Recorder is one worker's memory; all of it is allocated when it is made. It is not safe for use by several goroutines.
type Recorder struct {
	connections int64
	spent       [calls]int64 // ns
	times       [calls]*hdrhistogram.Histogram
}

// New makes a Recorder, or nil where nothing is to be timed.
func New(wanted bool) *Recorder {
	if !wanted {
		return nil
	}
	r := &Recorder{}
	for i := range r.times {
		r.times[i] = hdrhistogram.New(leastNS, mostNS, figures)
	}
	return r
}

// Timer times the calls of one connection. The zero value times nothing.
type Timer struct {
	r     *Recorder
	begun int64
}

// Timer gives the n-th connection's: it times one connection in OneIn.
func (r *Recorder) Timer(n int64) Timer {
	if r == nil || mixed(uint64(n))%OneIn != 0 {
		return Timer{}
	}
	return Timer{r: r}
}

// mixed is a number that has no step in common with n, so that each worker, source and port has its share of what is
// timed, whichever it takes (the finalizer of splitmix64; 0 stays 0: the first connection is timed).
func mixed(n uint64) uint64 {
	n ^= n >> 30
	n *= 0xbf58476d1ce4e5b9
	n ^= n >> 27
	n *= 0x94d049bb133111eb
	return n ^ n>>31
}

// Opened counts the connection: there is one, and its calls are its own.
func (t *Timer) Opened() {
	if t.r != nil {
		t.r.connections++
	}
}

// Begin is the moment before a call.
func (t *Timer) Begin() {
	if t.r != nil {
		t.begun = linux.Nano()
	}
}

// End is the moment after it.
func (t *Timer) End(c Call) {
	if t.r != nil {
		t.end(c)
	}
}

// end is apart so that End is inlined: it is called after each system call, mostly for nothing.
func (t *Timer) end(c Call) { t.r.add(c, linux.Nano()-t.begun) }

func (r *Recorder) add(c Call, ns int64) {
	r.spent[c] += ns
	_ = r.times[c].RecordValue(min(max(ns, leastNS), mostNS)) // only values out of range are refused
}

// Merge adds another worker's times; either may be nil.
func (r *Recorder) Merge(o *Recorder) {
	if r == nil || o == nil {
		return
	}
	r.connections += o.connections
	for i := range r.times {
		r.spent[i] += o.spent[i]
		r.times[i].Merge(o.times[i])
	}
}

// Costs are a side's times on their way to the conductor.
type Costs struct {
	OneIn       int64   `json:"one_in"`
	Connections int64   `json:"connections"` // that were timed
	Calls       []Times `json:"calls"`
}

// Times are those of one call.
type Times struct {
	Call      string `json:"call"`
	SpentNS   int64  `json:"spent_ns"`
	Histogram string `json:"histogram"` // HdrHistogram, V2 compressed, ns
}

// Costs packs what was timed; nil for a nil Recorder.
func (r *Recorder) Costs() *Costs {
	if r == nil {
		return nil
	}
	out := &Costs{OneIn: OneIn, Connections: r.connections}
	for i, h := range r.times {
		if h.TotalCount() == 0 {
			continue
		}
		text, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
		if err != nil {
			panic("a histogram could not be written to memory: " + err.Error())
		}
		out.Calls = append(out.Calls, Times{Call: names[i], SpentNS: r.spent[i], Histogram: string(text)})
	}
	return out
}

// unpack is Costs backwards.
func unpack(c *Costs) (*Recorder, error) {
	r := New(true)
	r.connections = c.Connections
	for _, t := range c.Calls {
		i := number(t.Call)
		if i < 0 {
			return nil, fmt.Errorf("times of %q: no such call", t.Call)
		}
		h, err := hdrhistogram.Decode([]byte(t.Histogram))
		if err != nil {
			return nil, fmt.Errorf("times of %s: %w", t.Call, err)
		}
		r.spent[i] += t.SpentNS
		r.times[i].Merge(h)
	}
	return r, nil
}

func number(call string) int {
	for i, name := range names {
		if name == call {
			return i
		}
	}
	return -1
}

// MergeCosts adds up what several processes of a side timed; nil where none did.
func MergeCosts(parts ...*Costs) (*Costs, error) {
	var whole *Recorder
	for _, p := range parts {
		if p == nil {
			continue
		}
		r, err := unpack(p)
		if err != nil {
			return nil, err
		}
		if whole == nil {
			whole = New(true)
		}
		whole.Merge(r)
	}
	return whole.Costs(), nil
}

// Record is what a record says of a side's times; nil where nothing was timed.
func Record(side string, c *Costs) ([]record.CallCost, error) {
	if c == nil {
		return nil, nil
	}
	r, err := unpack(c)
	if err != nil {
		return nil, err
	}
	var all int64
	for _, ns := range r.spent {
		all += ns
	}
	var out []record.CallCost
	for i, h := range r.times {
		if h.TotalCount() == 0 {
			continue
		}
		out = append(out, record.CallCost{
			Side: side, Call: names[i], Calls: h.TotalCount(), Share: float64(r.spent[i]) / float64(max(1, all)),
			PerConnectionUS: float64(r.spent[i]) / 1e3 / float64(max(1, r.connections)),
			P50US:           float64(h.ValueAtQuantile(50)) / 1e3, P99US: float64(h.ValueAtQuantile(99)) / 1e3,
			OneIn: c.OneIn, Connections: c.Connections,
		})
	}
	return out, nil
}
