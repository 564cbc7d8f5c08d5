package record

import (
	"fmt"
	"math"
)

// callCosts: each call of a side is told once, and the shares of a side are of one whole.
func (c *checker) callCosts(path string, costs []CallCost) {
	whole, seen := map[string]float64{}, map[string]bool{}
	for i := range costs {
		k, p := &costs[i], fmt.Sprintf("%s[%d]", path, i)
		c.side(p+".side", k.Side)
		c.oneOf(p+".call", k.Call, Calls)
		if one := k.Side + " " + k.Call; seen[one] {
			c.add(p, "is %s once more", one)
		} else {
			seen[one] = true
		}
		c.count(p+".calls", k.Calls)
		c.count(p+".connections", k.Connections)
		if k.OneIn < 1 {
			c.add(p+".one_in", "is %d: one connection in one at the least", k.OneIn)
		}
		if !(k.Share >= 0 && k.Share <= 1) {
			c.add(p+".share", "is %v, not between 0 and 1", k.Share)
		}
		c.seconds(p+".per_connection_us", k.PerConnectionUS)
		c.seconds(p+".p50_us", k.P50US)
		c.seconds(p+".p99_us", k.P99US)
		if k.P50US > k.P99US {
			c.add(p+".p50_us", "is %v, more than p99_us, %v", k.P50US, k.P99US)
		}
		whole[k.Side] += k.Share
	}
	for _, side := range []string{"client", "server"} {
		if sum, told := whole[side]; told && math.Abs(sum-1) > roundedShare {
			c.add(path, "the %s's shares add up to %v, not to 1", side, sum)
		}
	}
}

// roundedShare is by how much shares that were rounded may miss the whole.
const roundedShare = 0.01

// sampling checks what counting cost.
func (c *checker) sampling(path string, s *Sampling) {
	if s == nil {
		return
	}
	c.atLeastNone(path+".budget_percent", s.BudgetPercent)
	c.atLeastNone(path+".share_percent", s.SharePercent)
	c.lookCost(path+".totals", &s.Totals)
	c.lookCost(path+".splits", &s.Splits)
	c.lookCost(path+".full", &s.Full)
}

func (c *checker) lookCost(path string, l *LookCost) {
	c.count(path+".looks", l.Looks)
	c.atLeastNone(path+".mean_us", l.MeanUS)
	c.atLeastNone(path+".most_us", l.MostUS)
	const rounding = 1e-6 // a mean of equal costs may lie a hair above them
	switch {
	case l.MeanUS > l.MostUS*(1+rounding):
		c.add(path+".mean_us", "is %v, more than the most, %v", l.MeanUS, l.MostUS)
	case l.Looks == 0 && l.MostUS > 0:
		c.add(path+".most_us", "is %v of no look", l.MostUS)
	}
}

// atLeastNone wants a number from 0 up.
func (c *checker) atLeastNone(path string, v float64) {
	if !(v >= 0) || math.IsInf(v, 0) {
		c.add(path, "cannot be %v", v)
	}
}
