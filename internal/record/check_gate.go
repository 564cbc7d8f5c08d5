package record

import (
	"fmt"
	"slices"
	"strings"
)

var (
	gateStatuses  = []string{string(Complete), string(Interrupted), string(Failed), string(Invalid), string(Unsupported)}
	gateVerdicts  = []string{Pass, Regression, Inconclusive}
	lookVerdicts  = []string{Holds, Broken, Unclear}
	gateOperators = []string{"<=", "<", "==", "!=", ">=", ">"}
	gateChanges   = []string{"drop", "rise", "change"}
)

// Check tells everything by which g contradicts itself, as Trial.Check does.
func (g *Gate) Check() error {
	var k checker
	if g.Schema != "" && g.Schema != GateSchema {
		k.add("schema", "is %q, not %s", g.Schema, GateSchema)
	}
	if err := checkID(g.ID); err != nil {
		k.add("id", "%v", err)
	}
	k.oneOf("status", string(g.Status), gateStatuses)
	k.judged("verdict", g.Verdict, gateVerdicts, g.Status == Complete)
	if g.Status != Complete && g.Verdict != "" {
		k.add("verdict", "is %q although the status is %s", g.Verdict, g.Status)
	}
	if g.ExitCode < 0 || g.ExitCode > 255 {
		k.add("exit_code", "cannot be %d", g.ExitCode)
	}
	k.seconds("seconds", g.Seconds)
	k.gatePlan(&g.Plan)
	k.gateScenarios(g)
	for i := range g.Noise {
		k.gateNoise(fmt.Sprintf("noise[%d]", i), &g.Noise[i])
	}
	k.secondsPtr("host.load_before", g.Host.LoadBefore)
	k.secondsPtr("host.steal_share", g.Host.StealShare)
	k.secondsPtr("host.others_share", g.Host.OthersShare)
	if g.Baseline != nil {
		k.count("baseline.sessions", int64(g.Baseline.Sessions))
	}
	for i := range g.History {
		k.point(fmt.Sprintf("history[%d]", i), &g.History[i])
	}
	return k.err()
}

// judged holds a verdict to those that are known, and to being there where it must.
func (c *checker) judged(path, verdict string, known []string, must bool) {
	if verdict != "" || must {
		c.oneOf(path, verdict, known)
	}
}

func (c *checker) gatePlan(p *GatePlan) {
	c.count("plan.trials", int64(p.Trials))
	c.count("plan.again", int64(p.Again))
	c.part("plan.level", p.Level)
	c.part("plan.power", p.Power)
	c.seconds("plan.max_seconds", p.MaxSeconds)
}

// part holds a part of a whole, or a probability, to its range.
func (c *checker) part(path string, v float64) {
	if !(v >= 0 && v <= 1) {
		c.add(path, "is %v, not between 0 and 1", v)
	}
}

func (c *checker) partPtr(path string, v *float64) {
	if v != nil {
		c.part(path, *v)
	}
}

func (c *checker) gateScenarios(g *Gate) {
	var names []string
	for i := range g.Scenarios {
		s, path := &g.Scenarios[i], fmt.Sprintf("scenarios[%d]", i)
		if s.Name == "" || slices.Contains(names, s.Name) {
			c.add(path+".name", "%q is empty or there twice", s.Name)
		}
		names = append(names, s.Name)
		c.inner(path+".noise", s.Noise)
		c.inner(path+".first", s.First)
		c.inner(path+".again", s.Again)
	}
	for i := range g.Budgets {
		b, path := &g.Budgets[i], fmt.Sprintf("budgets[%d]", i)
		if g.Status == Complete {
			c.oneOf(path+".scenario", b.Scenario, names)
		}
		c.budget(path, b, g.Status == Complete)
	}
}

// inner tells a comparison's problems under the path that it has in another record.
func (c *checker) inner(path string, in *Comparison) {
	if in == nil {
		return
	}
	if err := in.Check(); err != nil {
		for problem := range strings.SplitSeq(err.Error(), "\n") {
			c.problems = append(c.problems, fmt.Errorf("%s.%s", path, problem))
		}
	}
}

// budget checks one. In a gate that is not complete it need not have come to anything.
func (c *checker) budget(path string, b *GateBudget, complete bool) {
	if b.Scenario == "" {
		c.add(path+".scenario", "is empty")
	}
	if b.Metric == "" {
		c.add(path+".metric", "is empty")
	}
	c.oneOf(path+".better", b.Better, []string{"lower", "higher", Neither})
	operators := gateOperators
	if b.Relative {
		operators = gateChanges
	}
	c.oneOf(path+".operator", b.Operator, operators)
	c.finite(path+".limit", &b.Limit)
	c.secondsPtr(path+".smallest", b.Smallest)
	c.judged(path+".verdict", b.Verdict, gateVerdicts, complete)
	c.look(path+".first", &b.First, b.Verdict != "")
	if b.Again != nil {
		c.look(path+".again", b.Again, true)
	}
}

func (c *checker) look(path string, l *GateLook, judged bool) {
	c.value(path+".reference", &l.Reference)
	c.value(path+".tested", &l.Tested)
	c.finite(path+".reference_median", l.ReferenceMedian)
	c.finite(path+".tested_median", l.TestedMedian)
	c.finite(path+".change", l.Change)
	c.interval(path+".interval", l.Interval)
	c.partPtr(path+".p_broken", l.PBroken)
	c.partPtr(path+".p_holds", l.PHolds)
	c.part(path+".alpha", l.Alpha)
	c.judged(path+".verdict", l.Verdict, lookVerdicts, judged)
	c.count(path+".outside", int64(l.Outside))
}

func (c *checker) value(path string, v *Value) {
	for i := range v.Values {
		c.finite(fmt.Sprintf("%s.values[%d]", path, i), &v.Values[i])
	}
	c.count(path+".never", int64(v.Never))
	c.finite(path+".of", v.Of)
}

func (c *checker) interval(path string, i *Interval) {
	if i == nil {
		return
	}
	c.finite(path+".low", &i.Low)
	c.finite(path+".high", &i.High)
	if i.Low > i.High {
		c.add(path, "cannot be %v to %v", i.Low, i.High)
	}
}

func (c *checker) gateNoise(path string, n *GateNoise) {
	if n.Metric == "" {
		c.add(path+".metric", "is empty")
	}
	c.count(path+".trials", int64(n.Trials))
	c.seconds(path+".spread", n.Spread)
	c.seconds(path+".smallest", n.Smallest)
	c.seconds(path+".asked", n.Asked)
	c.count(path+".trials_needed", int64(n.TrialsNeeded))
}

// Check tells everything by which p contradicts itself.
func (p *GatePoint) Check() error {
	var k checker
	k.point("", p)
	return k.err()
}

// point checks one; path is "" for a line of the history file.
func (c *checker) point(path string, p *GatePoint) {
	if path != "" {
		path += "."
	}
	if p.At.IsZero() {
		c.add(path+"at", "is missing")
	}
	for _, named := range [][2]string{{"gate", p.Gate}, {"scenario", p.Scenario}, {"metric", p.Metric}} {
		if named[1] == "" {
			c.add(path+named[0], "is missing")
		}
	}
	c.finite(path+"median", p.Median)
	c.finite(path+"low", p.Low)
	c.finite(path+"high", p.High)
	if p.Low != nil && p.High != nil && *p.Low > *p.High {
		c.add(path+"low", "is %v, above high, which is %v", *p.Low, *p.High)
	}
	c.judged(path+"verdict", p.Verdict, gateVerdicts, false)
}

// Check tells everything by which b contradicts itself, as Trial.Check does.
func (b *Baseline) Check() error {
	var k checker
	if b.Schema != "" && b.Schema != BaselineSchema {
		k.add("schema", "is %q, not %s", b.Schema, BaselineSchema)
	}
	for i := range b.Sessions {
		var names []string
		for j := range b.Sessions[i].Scenarios {
			s, path := &b.Sessions[i].Scenarios[j], fmt.Sprintf("sessions[%d].scenarios[%d]", i, j)
			if s.Name == "" || slices.Contains(names, s.Name) {
				k.add(path+".name", "%q is empty or there twice", s.Name)
			}
			names = append(names, s.Name)
			k.baselineMetrics(path+".metrics", s.Metrics)
		}
	}
	return k.err()
}

func (c *checker) baselineMetrics(path string, metrics []BaselineMetric) {
	var names []string
	for i := range metrics {
		m, at := &metrics[i], fmt.Sprintf("%s[%d]", path, i)
		if m.Name == "" || slices.Contains(names, m.Name) {
			c.add(at+".name", "%q is empty or there twice", m.Name)
		}
		names = append(names, m.Name)
		c.value(at+".value", &m.Value)
		for j := range m.Each {
			c.finite(fmt.Sprintf("%s.each[%d]", at, j), &m.Each[j])
		}
		if len(m.Each) != 0 && len(m.Each) != len(m.Value.Values) {
			c.add(at+".each", "has %d entries for %d values", len(m.Each), len(m.Value.Values))
		}
	}
}
