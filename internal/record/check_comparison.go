package record

import (
	"fmt"
	"math"
	"slices"
)

// Check tells everything by which c contradicts itself, as Trial.Check does.
func (c *Comparison) Check() error {
	var k checker
	if c.Schema != "" && c.Schema != ComparisonSchema {
		k.add("schema", "is %q, not %s", c.Schema, ComparisonSchema)
	}
	if err := checkID(c.ID); err != nil {
		k.add("id", "%v", err)
	}
	k.statusName(c.Status)
	k.seconds("seconds", c.Seconds)
	k.plan(&c.Plan)
	names := k.variants(c.Variants)
	for i := range c.Trials {
		k.oneOf(fmt.Sprintf("trials[%d].variant", i), c.Trials[i].Variant, names)
	}
	for i := range c.Metrics {
		k.metric(fmt.Sprintf("metrics[%d]", i), &c.Metrics[i], names)
	}
	for i := range c.Settings {
		k.oneOf(fmt.Sprintf("settings[%d].variant", i), c.Settings[i].Variant, names)
		k.host(fmt.Sprintf("settings[%d].side", i), c.Settings[i].Side)
	}
	for i := range c.Lines {
		path := fmt.Sprintf("lines[%d]", i)
		k.oneOf(path+".side", c.Lines[i].Side, []string{"client", "server", "both"})
		k.oneOf(path+".verdict", c.Lines[i].Verdict, []string{Helps, NoEffect, Harmful, AlreadySet, Missing, Inconclusive})
		k.finite(path+".before", c.Lines[i].Before)
		k.finite(path+".after", c.Lines[i].After)
		k.finite(path+".ratio", c.Lines[i].Ratio)
	}
	return k.err()
}

func (c *checker) plan(p *Plan) {
	c.count("plan.trials", int64(p.Trials))
	c.count("plan.warm_up", int64(p.WarmUp))
	c.count("plan.jobs", int64(p.Jobs))
	if !(p.Level > 0 && p.Level < 1) {
		c.add("plan.level", "is %v, no share between 0 and 1", p.Level)
	}
}

func (c *checker) variants(list []Variant) (names []string) {
	for i := range list {
		path := fmt.Sprintf("variants[%d]", i)
		if list[i].Name == "" || slices.Contains(names, list[i].Name) {
			c.add(path+".name", "%q is empty or there twice", list[i].Name)
		}
		names = append(names, list[i].Name)
		c.count(path+".counted", int64(list[i].Counted))
		if list[i].Curves != nil {
			c.curve(path+".curves", list[i].Curves)
		}
	}
	return names
}

func (c *checker) curve(path string, v *Curve) {
	c.seconds(path+".load_seconds", v.LoadSeconds)
	c.countPtr(path+".ports_usable", v.PortsUsable)
	c.countPtr(path+".ports_cliff", v.PortsCliff)
	c.secondsPtr(path+".ports_forecast", v.PortsForecast)
	c.secondsPtr(path+".first_exhaustion_seconds", v.FirstExhaustionSeconds)
	for i := range v.Samples {
		p, at := fmt.Sprintf("%s.samples[%d]", path, i), &v.Samples[i]
		c.finite(p+".at_seconds", &at.AtSeconds)
		c.countPtr(p+".client_time_wait", at.ClientTimeWait)
		c.countPtr(p+".server_time_wait", at.ServerTimeWait)
		c.countPtr(p+".ports_in_use", at.PortsInUse)
	}
	for i := range v.States {
		p, at := fmt.Sprintf("%s.states[%d]", path, i), &v.States[i]
		c.finite(p+".at_seconds", &at.AtSeconds)
		c.counts(p+".states.client", at.States.Client)
		c.counts(p+".states.server", at.States.Server)
	}
	for i := range v.Latency {
		p, at := fmt.Sprintf("%s.latency[%d]", path, i), &v.Latency[i]
		c.seconds(p+".us", at.US)
		if !(at.Quantile >= 0 && at.Quantile <= 1) {
			c.add(p+".quantile", "is %v, not between 0 and 1", at.Quantile)
		}
	}
}

func (c *checker) metric(path string, m *Metric, variants []string) {
	c.oneOf(path+".variant", m.Variant, variants)
	c.oneOf(path+".better", m.Better, []string{"lower", "higher", Neither})
	c.oneOf(path+".verdict", m.Verdict, []string{Better, Worse, NoDifference, Inconclusive})
	c.finite(path+".before", m.Before)
	c.finite(path+".after", m.After)
	c.finite(path+".ratio", m.Ratio)
	for _, p := range []*float64{m.P, m.Adjusted} {
		if p != nil && !(*p >= 0 && *p <= 1) {
			c.add(path+".p", "is %v, no probability", *p)
		}
	}
}

func (c *checker) finite(path string, v *float64) {
	if v != nil && (math.IsNaN(*v) || math.IsInf(*v, 0)) {
		c.add(path, "cannot be %v", *v)
	}
}

func (c *checker) oneOf(path, value string, known []string) {
	if !slices.Contains(known, value) {
		c.add(path, "is %q, not one of %q", value, known)
	}
}
