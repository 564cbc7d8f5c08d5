//go:build linux

package probe

import (
	"fmt"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"twomsl/internal/linux"
	"twomsl/internal/record"
)

// mostPoints is how many calls of a canary are kept one by one; beyond that every other is left out, again and again.
const mostPoints = 2000

// Latencies are kept from a microsecond to a minute, to three figures.
const (
	leastUS, mostUS = 1, int64(time.Minute / time.Microsecond)
	figures         = 3
)

// book is what one caller has seen.
type book struct {
	canary       record.Canary
	latency      *hdrhistogram.Histogram
	counted      int64   // answered since the start of the load
	whole        int64   // of these, with a handshake that was not taken back
	stride       int64   // every so many calls one is kept
	at           []int64 // of Points
	firstFailure int64
}

func newBook(c Caller) *book {
	return &book{
		canary: record.Canary{
			Name: c.Name, From: c.From, Source: c.Source.String(), Target: c.Target.String(),
			Failures: []record.CanaryFailure{}, Points: []record.CanaryPoint{},
		},
		latency: hdrhistogram.New(leastUS, mostUS, figures), stride: 1,
	}
}

// note takes a call down: when it was made (CLOCK_MONOTONIC) and how long it took, in nanoseconds; counts tells whether the
// load had begun.
func (b *book) note(at, took int64, f failure, counts bool) {
	c := &b.canary
	keep := c.Calls%b.stride == 0
	c.Calls++
	p := record.CanaryPoint{Phase: f.phase, Errno: linux.ErrnoName(f.errno)}
	if f.failed() {
		b.failed(at, p)
	} else {
		us := float64(took) / 1e3
		p.LatencyUS = &us
		c.Answered++
		if counts {
			b.counted++
		}
		_ = b.latency.RecordValue(min(max(took/1e3, leastUS), mostUS)) // within its bounds it takes every value
	}
	if keep {
		b.keep(at, p)
	}
}

// failed counts a failure by its way.
func (b *book) failed(at int64, p record.CanaryPoint) {
	c := &b.canary
	if len(c.Failures) == 0 {
		b.firstFailure = at
	}
	for i := range c.Failures {
		if f := &c.Failures[i]; f.Phase == p.Phase && f.Errno == p.Errno {
			f.Count++
			return
		}
	}
	c.Failures = append(c.Failures, record.CanaryFailure{Phase: p.Phase, Errno: p.Errno, Count: 1})
}

// keep adds a point; where there are too many every other one goes.
func (b *book) keep(at int64, p record.CanaryPoint) {
	c := &b.canary
	b.at, c.Points = append(b.at, at), append(c.Points, p)
	if len(c.Points) < mostPoints {
		return
	}
	n := 0
	for i := 0; i < len(c.Points); i, n = i+2, n+1 {
		b.at[n], c.Points[n] = b.at[i], c.Points[i]
	}
	b.at, c.Points = b.at[:n], c.Points[:n]
	b.stride *= 2
}

// record is the canary as the record has it, with times from the start of the load.
func (b *book) record(epoch int64) (record.Canary, error) {
	c := b.canary
	c.Failures, c.Points = slices.Clone(c.Failures), slices.Clone(c.Points)
	for i := range c.Points {
		c.Points[i].AtMS = float64(b.at[i]-epoch) / 1e6
	}
	if len(c.Failures) > 0 {
		s := float64(b.firstFailure-epoch) / 1e9
		c.FirstFailureSeconds = &s
	}
	if c.Answered == 0 {
		return c, nil
	}
	text, err := b.latency.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return c, fmt.Errorf("canary %s: latency histogram: %w", c.Name, err)
	}
	at := func(q float64) float64 { return float64(b.latency.ValueAtQuantile(q)) }
	c.Latency = &record.Quantiles{
		Count: b.latency.TotalCount(), P50US: at(50), P90US: at(90), P99US: at(99), P999US: at(99.9),
		MaxUS: float64(b.latency.Max()), Histogram: string(text),
	}
	return c, nil
}
