//go:build linux

package assay

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"twomsl/internal/linux"
)

// connect-cost: what the calls that open a connection cost while the range of ports gets full, step by step, on one tuple.
// The ports are taken by TIME_WAIT of the client, as in life.
func init() {
	register("connect-cost", map[string]string{
		"way": "plain", "order": "kernel", "low": "32768", "high": "60999", "steps": "0,25,49,50,75,99,100", "samples": "32",
		"for": "50s",
	}, connectCost)
}

// Ways are the ways to open a connection that connect-cost knows: plain connect(); bind() to an address, port 0; the same with
// IP_BIND_ADDRESS_NO_PORT; and IP_LOCAL_PORT_RANGE over the namespace's own range.
var Ways = []string{"plain", "bind", "no-port", "own-range"}

// Orders are those in which ports get taken: as the kernel hands them out to this very way; as it hands them out to plain
// connect(), whatever way is measured; and at random.
var Orders = []string{"kernel", "plain", "random"}

// Part is what opening cost while so many ports of the range were taken.
type Part struct {
	Taken int `json:"taken"` // before the first call
	// LowParity and OtherParity tell the taken ports apart: those of the range's low end's parity, and the others.
	LowParity   int     `json:"low_parity"`
	OtherParity int     `json:"other_parity"`
	FillSeconds float64 `json:"fill_seconds"` // processor time that taking ports has cost so far, samples left out
	// CallNS and CPUNS are of the calls after socket() up to connect(), of each sample: time, and the thread's processor time.
	CallNS []int64 `json:"call_ns"`
	CPUNS  []int64 `json:"cpu_ns"`
	Stays  bool    `json:"stays"` // a sample's port stays taken, so that the next one meets one port more
	Failed int     `json:"failed"`
	Errno  string  `json:"errno"` // of the last that failed
}

const (
	mostSamples = 1000
	stepLimit   = 2 * time.Second // no step takes longer, unless it has less than fewSamples
	fewSamples  = 8
)

func connectCost(b *bench) {
	f := newFilling(b)
	steps := b.percents("steps")
	samples := min(max(1, b.number("samples")), mostSamples)
	limit, err := time.ParseDuration(b.arguments["for"])
	b.must("argument for", err)
	for i, step := range steps {
		target := int(math.Round(step / 100 * float64(f.size())))
		if !f.fillTo(target, limit) {
			b.text("stopped with %d of %d ports taken: the first TIME_WAIT would have expired before the next step", f.count, f.size())
			return
		}
		n := samples
		if i+1 < len(steps) && f.stays() { // a step must not run into the next one
			n = min(n, int(math.Round(steps[i+1]/100*float64(f.size())))-f.count)
		}
		b.out.Parts = append(b.out.Parts, f.part(n))
	}
}

// percents reads a list of percentages, in rising order.
func (b *bench) percents(argument string) (out []float64) {
	for _, word := range strings.Split(b.arguments[argument], ",") {
		v, err := strconv.ParseFloat(word, 64)
		if err != nil || !(v >= 0 && v <= 100) || len(out) > 0 && v <= out[len(out)-1] {
			b.fail("argument %s: %q: percentages from 0 to 100 in rising order were expected", argument, word)
		}
		out = append(out, v)
	}
	return out
}

// part takes up to n samples with the ports that are taken now, once it is certain which those are.
func (f *filling) part(n int) Part {
	f.verify()
	p := Part{Taken: f.count, FillSeconds: float64(f.filled) / 1e9, Stays: f.stays(), CallNS: []int64{}, CPUNS: []int64{}}
	for i, taken := range f.taken {
		if taken && i%2 == 0 {
			p.LowParity++
		} else if taken {
			p.OtherParity++
		}
	}
	for begin := time.Now(); len(p.CallNS) < n && (len(p.CallNS) < fewSamples || time.Since(begin) < stepLimit); {
		fd := f.client.socket()
		cpu, at := linux.ThreadNano(), linux.Nano()
		e := f.open(fd, f.way)
		took := linux.Nano() - at
		p.CPUNS = append(p.CPUNS, linux.ThreadNano()-cpu)
		p.CallNS = append(p.CallNS, took)
		if e != 0 {
			p.Failed++
			p.Errno = linux.ErrnoName(e)
			f.client.close(fd)
			continue
		}
		if f.stays() {
			f.take(fd)
		} else {
			f.undo(fd)
		}
	}
	return p
}

// verify holds the ports that this thread took against those that the kernel has in TIME_WAIT.
func (f *filling) verify() {
	f.b.wait("every closed connection is in TIME_WAIT", func() bool { return f.client.standing(linux.DiagTimeWait) == f.count })
	for port := range f.client.portsIn(linux.DiagTimeWait) {
		if i := int(port) - f.low; i < 0 || i >= len(f.taken) || !f.taken[i] {
			f.b.fail("port %d is in TIME_WAIT, and nobody took it", port)
		}
	}
	if n := len(slices.DeleteFunc(slices.Clone(f.taken), func(t bool) bool { return !t })); n != f.count {
		f.b.fail("%d ports were taken %d times", n, f.count)
	}
}
