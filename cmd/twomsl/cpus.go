package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// cpuFlag is --cpus client=LIST,server=LIST; a list is 0, 0-3, or 0+2. It is a pflag.Value.
type cpuFlag struct {
	text  string
	sides record.SidePair[[]int]
}

func (c *cpuFlag) Type() string   { return "SIDE=LIST" }
func (c *cpuFlag) String() string { return c.text }

func (c *cpuFlag) Set(s string) error {
	for _, part := range strings.Split(s, ",") {
		side, list, ok := strings.Cut(part, "=")
		cpus, err := parseCPUs(list)
		if !ok || err != nil {
			return fmt.Errorf("%q: write client=0,server=1; several processors as 0-3 or 0+2", part)
		}
		switch side {
		case "client":
			c.sides.Client = cpus
		case "server":
			c.sides.Server = cpus
		default:
			return fmt.Errorf("%q: the sides are client and server", side)
		}
	}
	c.text = s
	return nil
}

// mostCPU is the highest processor number that a mask can name (CPU_SETSIZE - 1).
const mostCPU = 1023

func parseCPUs(list string) ([]int, error) {
	var out []int
	for _, part := range strings.Split(list, "+") {
		lo, hi, isRange := strings.Cut(part, "-")
		if !isRange {
			hi = lo
		}
		l, err1 := strconv.Atoi(lo)
		h, err2 := strconv.Atoi(hi)
		if err1 != nil || err2 != nil || l < 0 || h > mostCPU || l > h {
			return nil, fmt.Errorf("%q is no processor", part)
		}
		for n := l; n <= h; n++ {
			out = append(out, n)
		}
	}
	return out, nil
}

// suits tells what an engine that drives both sides on the same threads cannot be told.
func (c *cpuFlag) suits(engine string) error {
	if engine == scenario.Paired && len(c.sides.Server) > 0 {
		return usage("--cpus %s: engine paired drives both sides on the client's processors: name those alone, like client=0-1", c.text)
	}
	return nil
}

// check finds out before any load whether this program may use every processor that is asked for.
func (c *cpuFlag) check() error {
	if c.text == "" {
		return nil
	}
	allowed, err := linux.AllowedCPUs()
	if err != nil {
		return failed(err)
	}
	for _, n := range append(slices.Clone(c.sides.Client), c.sides.Server...) {
		if !slices.Contains(allowed, n) {
			return usage("--cpus %s: processor %d cannot be had: this program may use %v", c.text, n, allowed)
		}
	}
	return nil
}
