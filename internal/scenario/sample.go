package scenario

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Sample says how the sockets of either side are counted beside the load.
type Sample struct {
	// Budget is the share of one processor that it may take on each side; with 0 nothing is counted but what the run itself
	// needs to know.
	Budget Percent `yaml:"budget" json:"budget"`
	// Split is the time from one split by state to the next, at the least; the totals are read ten times a second.
	Split Duration `yaml:"split" json:"split"`
}

// DefaultSplit is Sample.Split where nobody says.
const DefaultSplit = second

const (
	defaultBudget = Percent(1)
	leastBudget   = Percent(0.01)
	mostBudget    = Percent(100)
	leastSplit    = second / 10
)

// Percent is a share in percent, above 0; the zero value is "not said".
type Percent float64

// None is a share of nothing.
const None Percent = -1

// Share is the share as a number from 0 to 1.
func (p Percent) Share() float64 { return math.Max(0, float64(p)) / 100 }

// UnmarshalText reads "1%", "0.5%", "1", and "0" or "off" for nothing; the empty text was not said.
func (p *Percent) UnmarshalText(b []byte) error {
	t := strings.TrimSpace(string(b))
	if *p = 0; t == "" {
		return nil
	}
	if *p = None; t == "off" {
		return nil
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(t, "%")), 64)
	switch {
	case err != nil || !(v >= 0) || math.IsInf(v, 0):
		*p = 0
		return fmt.Errorf("%q is no share: write percent like 1%% or 0.5%%, or 0", b)
	case v > 0:
		*p = Percent(v)
	}
	return nil
}

// MarshalText prints what UnmarshalText reads.
func (p Percent) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

func (p Percent) String() string {
	switch {
	case p == 0:
		return ""
	case p < 0:
		return "0"
	}
	return strconv.FormatFloat(float64(p), 'f', -1, 64) + "%"
}

func (c *checker) sample() {
	if b := c.s.Sample.Budget; b > 0 {
		between(c, "sample.budget", b, leastBudget, mostBudget)
	}
	if d := c.s.Sample.Split; d != 0 {
		between(c, "sample.split", d, leastSplit, longestRun)
	}
}
