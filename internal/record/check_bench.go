package record

import (
	"fmt"
	"math"
)

// Check tells of every value that cannot be.
func (b *Bench) Check() error {
	var c checker
	if b.Schema != "" && b.Schema != BenchSchema {
		c.add("schema", "is %q, not %s", b.Schema, BenchSchema)
	}
	if err := checkID(b.ID); err != nil {
		c.add("id", "%v", err)
	}
	c.statusName(b.Status)
	c.seconds("seconds", b.Seconds)
	c.oneOf("kind", b.Kind, []string{"churn", "connect-cost", "count-cost", "scale"})
	for i := range b.Rows {
		c.benchRow(fmt.Sprintf("rows[%d]", i), &b.Rows[i])
	}
	return c.err()
}

func (c *checker) benchRow(path string, r *BenchRow) {
	if r.Name == "" {
		c.add(path+".name", "is missing")
	}
	for i, m := range r.Metrics {
		p := fmt.Sprintf("%s.metrics[%d]", path, i)
		if m.Name == "" || m.Unit == "" {
			c.add(p, "has no name or no unit")
		}
		c.oneOf(p+".better", m.Better, []string{"higher", "lower", ""})
		for j := range m.Values {
			c.finite(fmt.Sprintf("%s.values[%d]", p, j), &m.Values[j])
		}
	}
	for i, k := range r.Curve {
		p := fmt.Sprintf("%s.curve[%d]", path, i)
		c.count(p+".calls", k.Calls)
		c.count(p+".failed", k.Failed)
		for name, v := range map[string]float64{
			"full_percent": k.FullPercent, "p50_us": k.P50US, "p99_us": k.P99US, "max_us": k.MaxUS, "cpu_us": k.CPUUS,
		} {
			if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
				c.add(p+"."+name, "cannot be %v", v)
			}
		}
	}
}
