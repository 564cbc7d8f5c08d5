package record

import (
	"fmt"
	"math"
)

// canaries holds each canary's counts against each other.
func (c *checker) canaries(path string, all []Canary) {
	for i := range all {
		p, one := fmt.Sprintf("%s[%d]", path, i), &all[i]
		if one.Name == "" {
			c.add(p+".name", "is empty")
		}
		c.count(p+".answered", one.Answered)
		sum := one.Answered
		for k, f := range one.Failures {
			c.count(fmt.Sprintf("%s.failures[%d].count", p, k), f.Count)
			sum += f.Count
		}
		if sum != one.Calls {
			c.add(p+".calls", "is %d, and %d were answered or failed", one.Calls, sum)
		}
		if int64(len(one.Points)) > one.Calls {
			c.add(p+".points", "has %d of %d calls", len(one.Points), one.Calls)
		}
		if (one.Latency == nil) != (one.Answered == 0) {
			c.add(p+".latency", "does not fit %d answered calls", one.Answered)
		}
		c.canaryPoints(p, one)
	}
}

func (c *checker) canaryPoints(path string, one *Canary) {
	last := math.Inf(-1)
	for k, point := range one.Points {
		p := fmt.Sprintf("%s.points[%d]", path, k)
		if !(point.AtMS >= last) || math.IsInf(point.AtMS, 0) {
			c.add(p+".at_ms", "cannot be %v after %v", point.AtMS, last)
		}
		last = point.AtMS
		c.secondsPtr(p+".latency_us", point.LatencyUS)
		if (point.LatencyUS == nil) != (point.Phase != "") {
			c.add(p, "is neither answered nor failed: phase %q", point.Phase)
		}
	}
}
