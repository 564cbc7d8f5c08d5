//go:build linux

package peer

import (
	"math"
	"time"

	"twomsl/internal/record"
)

const (
	// totalsEvery is how often the totals are read: sockstat costs next to nothing.
	totalsEvery = 100 * time.Millisecond
	// splitEvery is how often the states are told apart at the most, unless Watch.Every says so.
	splitEvery = time.Second
	// totalsPart is the most of the budget that the totals may take: as many a second as it pays for.
	totalsPart = 0.5
)

// kind is what one look counts.
type kind int

const (
	totalsLook kind = iota // sockstat alone
	splitLook              // a dump by state that leaves TIME_WAIT out, and sockstat
	fullLook               // a dump of every socket
	kinds
)

// pace says when the sampler may look, so that what it does of itself stays within its share of a processor. What the run
// asks for is done at once.
type pace struct {
	budget     float64 // of one processor, 0 to 1; 0: nothing is done unasked
	every      time.Duration
	totals     time.Duration // what a look at the totals costs, by the latest ones
	nextTotals int64
	nextSplit  int64
}

func (p *pace) totalsDue(now int64) bool { return p.budget > 0 && now >= p.nextTotals }

func (p *pace) splitDue(now int64) bool { return p.budget > 0 && now >= p.nextSplit }

// took notes what a look cost that began now; the next dump comes a gap later at the soonest. What was needed is not paid
// back: what comes after it is no less dense.
func (p *pace) took(k kind, now int64, cost, gap time.Duration, needed bool) {
	if p.budget <= 0 {
		return
	}
	if k == totalsLook {
		if p.totals = (3*p.totals + cost) / 4; p.totals < cost/2 {
			p.totals = cost // the first one
		}
		p.nextTotals = now + int64(p.totalsGap()-early)
		return
	}
	// What the totals leave of the budget is the dumps'.
	rest := p.budget - float64(p.totals)/float64(p.totalsGap())
	wait := max(gap-early, time.Duration(float64(cost)/rest))
	if needed {
		wait = gap - early
	}
	p.nextSplit = max(p.nextSplit, now+int64(wait))
}

// early is by how much a tick may come before its time.
const early = totalsEvery / 4

// totalsGap is the time between two looks at the totals.
func (p *pace) totalsGap() time.Duration {
	return max(totalsEvery, time.Duration(float64(p.totals)/(p.budget*totalsPart)))
}

// account is what looks have cost, by kind.
type account [kinds]record.LookCost

func (a *account) add(k kind, cost time.Duration) {
	us := float64(cost) / 1e3
	c := &a[k]
	c.MeanUS = (c.MeanUS*float64(c.Looks) + us) / float64(c.Looks+1)
	c.MostUS = math.Max(c.MostUS, us)
	c.Looks++
}
